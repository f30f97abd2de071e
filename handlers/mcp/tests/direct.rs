//! What is answered the short way is answered as rmcp answers it.

use std::cell::Cell;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::Kit;
use crate::downstream::testing::HOME;
use crate::identity::Principal;
use crate::mcp::direct::Direct;
use crate::mcp::{ChallengeSlot, McpDoor, McpServer};

/// A request as some client may send it.
#[derive(Debug, Clone)]
struct Sent {
    headers: HeaderMap,
    body: Value,
}

impl Sent {
    fn bytes(&self) -> Vec<u8> {
        self.body.to_string().into_bytes()
    }
}

type Told = (StatusCode, Option<HeaderValue>, String);

async fn told(response: Response) -> Told {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let kind = parts.headers.get(header::CONTENT_TYPE).cloned();
    let body = String::from_utf8_lossy(&body).into_owned();
    (parts.status, kind, body)
}

async fn by_rmcp(server: &McpServer, caller: &Principal, sent: &Sent) -> Told {
    let mut request = Request::post("/mcp")
        .body(Body::from(sent.bytes()))
        .unwrap();
    *request.headers_mut() = sent.headers.clone();
    request.extensions_mut().insert(caller.clone());
    let answered = McpDoor::service(server.clone()).oneshot(request).await;
    told(answered.unwrap().map(Body::new)).await
}

/// `None`: it is left to rmcp.
async fn directly(server: &McpServer, caller: &Principal, sent: &Sent) -> Option<Told> {
    let direct = Direct::of(&sent.headers, &sent.bytes())?;
    let slot = ChallengeSlot::default();
    let answered = server.answer_directly(direct, caller, None, &slot).await?;
    Some(told(answered).await)
}

const JSON: &str = "application/json";
const BOTH: &str = "application/json, text/event-stream";
const PROTOCOL: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

/// A request as clients of `version` send it.
fn plain(version: &'static str, method: &'static str, name: Option<&'static str>) -> Sent {
    let mut headers = HeaderMap::new();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set("host", "localhost");
    set("accept", BOTH);
    set("content-type", JSON);
    set("mcp-protocol-version", version);
    let mut params = json!({});
    if let Some(name) = name {
        params = json!({"name": name, "arguments": {}});
    }
    if version == "2026-07-28" {
        set("mcp-method", method);
        name.map(|name| set("mcp-name", name));
        params["_meta"] = json!({PROTOCOL: version, CAPABILITIES: {}});
    }
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    Sent { headers, body }
}

/// What may be unusual about a request, or wrong.
#[derive(Debug, Clone)]
enum Change {
    /// These values of a header, and no others.
    Header(&'static str, Vec<&'static str>),
    /// This member of the message, or none of its name.
    Member(&'static str, Option<Value>),
    /// The same of the parameters.
    Parameter(&'static str, Option<Value>),
}

impl Change {
    fn make(self, sent: &mut Sent) {
        let (object, name, value) = match self {
            Self::Header(name, values) => {
                sent.headers.remove(name);
                for value in values {
                    sent.headers.append(name, HeaderValue::from_static(value));
                }
                return;
            }
            Self::Member(name, value) => (Some(&mut sent.body), name, value),
            Self::Parameter(name, value) => (sent.body.get_mut("params"), name, value),
        };
        let Some(object) = object.and_then(Value::as_object_mut) else {
            return;
        };
        match value {
            Some(value) => object.insert(name.to_owned(), value),
            None => object.remove(name),
        };
    }
}

fn headers() -> Vec<Change> {
    let values: [(&'static str, &[&[&'static str]]); 6] = [
        (
            "accept",
            &[
                &[],
                &[JSON],
                &["*/*"],
                &["text/event-stream,application/json"],
                &["application/json;q=0, text/event-stream"],
                &["application/json;q=0.5, text/event-stream"],
                &[JSON, "text/event-stream"],
            ],
        ),
        (
            "content-type",
            &[
                &[],
                &["application/json; charset=utf-8"],
                &["Application/JSON"],
                &["text/plain"],
                &[JSON, "text/plain"],
            ],
        ),
        (
            "mcp-protocol-version",
            &[
                &[],
                &["2024-11-05"],
                &["2025-03-26"],
                &["2025-11-25"],
                &["2026-07-28"],
                &["2027-01-01"],
                &[""],
                &["2025-11-25", "2026-07-28"],
            ],
        ),
        (
            "mcp-method",
            &[
                &[],
                &["tools/call"],
                &["tools/list"],
                &["ping"],
                &["tools/list", "tools/list"],
            ],
        ),
        (
            "mcp-name",
            &[
                &[],
                &["whoami"],
                &["secure_query_data"],
                &["=?base64?d2hvYW1p?="],
                &["whoami", "whoami"],
            ],
        ),
        ("mcp-param-city", &[&["Lisbon"]]),
    ];
    values
        .into_iter()
        .flat_map(|(name, values)| {
            values
                .iter()
                .map(move |one| Change::Header(name, one.to_vec()))
        })
        .collect()
}

fn members() -> Vec<Change> {
    let ids = [
        json!("one"),
        json!(-7),
        json!(1.0),
        json!(1.5),
        json!(9_007_199_254_740_993_i64),
        json!(u64::MAX),
        json!(""),
        json!("\u{e9}\"\\"),
        json!(null),
        json!([1]),
    ];
    let methods = [
        "ping",
        "prompts/list",
        "Tools/list",
        "tools/call",
        "tools/list",
        "",
    ];
    let mut changes = vec![
        Change::Member("id", None),
        Change::Member("jsonrpc", None),
        Change::Member("jsonrpc", Some(json!("1.0"))),
        Change::Member("jsonrpc", Some(json!(2.0))),
        Change::Member("method", None),
        Change::Member("params", None),
        Change::Member("params", Some(json!(null))),
        Change::Member("params", Some(json!([]))),
        Change::Member("unknown", Some(json!(1))),
    ];
    changes.extend(ids.map(|id| Change::Member("id", Some(id))));
    changes.extend(methods.map(|method| Change::Member("method", Some(json!(method)))));
    changes
}

fn parameters() -> Vec<Change> {
    let values = [
        (
            "name",
            vec![
                json!("no_such_tool"),
                json!("WHOAMI"),
                json!(""),
                json!(7),
                json!(null),
            ],
        ),
        (
            "arguments",
            vec![
                json!({"city": "Lisbon"}),
                json!({"city": 7}),
                json!({"unknown": {"deep": [1, 2.5, null]}}),
                json!(null),
                json!([]),
                json!("text"),
            ],
        ),
        (
            "_meta",
            vec![
                json!({}),
                json!(null),
                json!({"progressToken": "p"}),
                json!({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}),
                json!({PROTOCOL: "2026-07-28", CAPABILITIES: {}}),
                json!({PROTOCOL: "2026-07-28", CAPABILITIES: {}, "progressToken": 1}),
                json!({PROTOCOL: "2026-07-28", CAPABILITIES: {"elicitation": {}}}),
                json!({PROTOCOL: "2026-07-28", CAPABILITIES: 7}),
                json!({PROTOCOL: "2026-07-28"}),
                json!({PROTOCOL: "2025-11-25", CAPABILITIES: {}}),
                json!({PROTOCOL: "2027-01-01", CAPABILITIES: {}}),
                json!({PROTOCOL: 7, CAPABILITIES: {}}),
                json!({CAPABILITIES: {}}),
            ],
        ),
        ("cursor", vec![json!("whoami"), json!(null)]),
        ("task", vec![json!({})]),
        ("inputResponses", vec![json!({})]),
        ("requestState", vec![json!("state")]),
        ("unknown", vec![json!(1)]),
    ];
    let removed = ["name", "arguments", "_meta"].map(|name| Change::Parameter(name, None));
    let set = values
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().map(move |value| (name, value)))
        .map(|(name, value)| Change::Parameter(name, Some(value)));
    removed.into_iter().chain(set).collect()
}

/// Requests of every version, with up to three things that are unusual.
fn requests() -> impl Strategy<Value = Sent> {
    let versions = select(vec!["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]);
    let asked = select(vec![
        ("tools/list", None),
        ("tools/call", Some("whoami")),
        ("tools/call", Some("secure_query_data")),
        ("tools/call", Some("delete_record")),
    ]);
    let changes = [headers(), members(), parameters()].concat();
    let changes = proptest::collection::vec(select(changes), 0..=3);
    (versions, asked, changes).prop_map(|(version, (method, name), changes)| {
        let mut sent = plain(version, method, name);
        for change in changes {
            change.make(&mut sent);
        }
        sent
    })
}

#[test]
fn what_is_answered_directly_is_answered_as_rmcp_answers_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let kit = runtime.block_on(Kit::new());
    let server = kit.server(Arc::clone(&kit.registry));
    let reader = runtime.block_on(kit.person(HOME, &["Task.Read"]));
    let mut runner = TestRunner::new(Config {
        cases: 4_000,
        failure_persistence: None,
        ..Config::default()
    });
    let taken = Cell::new([0_u32; 4]);
    runner
        .run(&requests(), |sent| {
            runtime.block_on(async {
                let Some(answer) = directly(&server, &reader, &sent).await else {
                    return Ok(());
                };
                let modern = !sent.body["params"]["_meta"][PROTOCOL].is_null();
                let lists = sent.body["method"] == "tools/list";
                let mut counts = taken.get();
                counts[usize::from(modern) * 2 + usize::from(lists)] += 1;
                taken.set(counts);
                prop_assert_eq!(answer, by_rmcp(&server, &reader, &sent).await);
                Ok(())
            })
        })
        .unwrap();
    // Both methods of both eras were among them.
    assert!(taken.get().iter().all(|count| *count >= 50), "{taken:?}");
}

#[tokio::test]
async fn of_a_name_that_is_longer_than_names_are_the_beginning_is_told() {
    let kit = Kit::new().await;
    let server = kit.server(Arc::clone(&kit.registry));
    let reader = kit.person(HOME, &["Task.Read"]).await;
    let mut sent = plain("2025-11-25", "tools/call", Some("whoami"));
    for (name, told) in [
        ("x".repeat(128), "x".repeat(128)),
        ("x".repeat(1 << 20), format!("{}…", "x".repeat(128))),
    ] {
        sent.body["params"]["name"] = json!(name);
        let (_, _, body) = directly(&server, &reader, &sent).await.unwrap();
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["error"]["message"], format!("Unknown tool: {told}"));
        assert_eq!(by_rmcp(&server, &reader, &sent).await.2, body);
    }
}

/// Otherwise the test above could pass by taking next to nothing.
#[test]
fn what_clients_send_is_taken_and_what_wants_more_than_an_answer_is_not() {
    let taken = |sent: &Sent| Direct::of(&sent.headers, &sent.bytes()).is_some();
    for version in ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"] {
        for (method, name) in [("tools/list", None), ("tools/call", Some("whoami"))] {
            let mut sent = plain(version, method, name);
            assert!(taken(&sent), "{sent:?}");
            sent.body["params"]["_meta"]["progressToken"] = json!(1);
            assert!(!taken(&sent), "{sent:?}");
        }
    }
    let mut asked_back = plain("2026-07-28", "tools/call", Some("whoami"));
    asked_back.body["params"]["_meta"][CAPABILITIES] = json!({"elicitation": {"form": {}}});
    assert!(!taken(&asked_back));
}
