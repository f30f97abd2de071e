//! Lists of many tools, over HTTP as clients ask for them.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use http::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::Kit;
use crate::downstream::testing::HOME;
use crate::identity::Principal;
use crate::mcp::{Effects, McpDoor, McpServer, Registry, Tool, ToolError};
use crate::policy::{self, Policy, ToolClass};

/// `t000` to `t149`, as bytes.
const DIGITS: [[u8; 4]; 150] = {
    let mut names = [*b"t000"; 150];
    let mut number: u8 = 0;
    while number < 150 {
        let name = &mut names[number as usize];
        name[1] += number / 100;
        name[2] += number / 10 % 10;
        name[3] += number % 10;
        number += 1;
    }
    names
};

const NAMES: [&str; 150] = {
    let mut names = [""; 150];
    let mut index = 0;
    while index < 150 {
        names[index] = match std::str::from_utf8(&DIGITS[index]) {
            Ok(name) => name,
            Err(_) => panic!("digits are text"),
        };
        index += 1;
    }
    names
};

struct Dummy<const INDEX: usize>;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {}

#[derive(Serialize, JsonSchema)]
struct Nothing {}

impl<const INDEX: usize> Tool for Dummy<INDEX> {
    const NAME: &'static str = NAMES[INDEX];
    const TITLE: &'static str = "Dummy";
    const DESCRIPTION: &'static str = "Does nothing.";
    const CLASS: ToolClass = ToolClass::Read;
    const EFFECTS: Effects = Effects::READS;
    type Arguments = Arguments;
    type Output = Nothing;

    fn example() -> Value {
        json!({})
    }

    async fn call(&self, _: &Principal, _: Arguments) -> Result<Nothing, ToolError> {
        Ok(Nothing {})
    }
}

/// `with(Dummy<T0>)` to `with(Dummy<T9>)` for every T.
macro_rules! dummies {
    ($registry:expr; $($tens:literal)*) => {{
        let registry = $registry;
        $(
            let registry = dummies!(@ten registry, $tens; 0 1 2 3 4 5 6 7 8 9);
        )*
        registry
    }};
    (@ten $registry:expr, $tens:literal; $($ones:literal)*) => {
        $registry$(.with(Dummy::<{ $tens * 10 + $ones }>).unwrap())*
    };
}

fn many_tools() -> Registry {
    let policy = Arc::new(Policy::parse(policy::DEFAULT, HOME).unwrap());
    dummies!(Registry::new(policy); 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0)
}

/// What is answered to a JSON-RPC request in an era of the protocol.
async fn answer(
    server: &McpServer,
    caller: &Principal,
    modern: bool,
    cursor: Option<&str>,
) -> Value {
    let mut params = json!({});
    if let Some(cursor) = cursor {
        params["cursor"] = cursor.into();
    }
    let version = if modern { "2026-07-28" } else { "2025-11-25" };
    if modern {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
    }
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params});
    let mut request = Request::post("/mcp")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", version)
        .header("host", "localhost");
    if modern {
        request = request.header("mcp-method", "tools/list");
    }
    let mut request = request.body(Body::from(body.to_string())).unwrap();
    request.extensions_mut().insert(caller.clone());
    let service = McpDoor::service(server.clone());
    let response = service.oneshot(request).await.unwrap();
    let body = to_bytes(Body::new(response.into_body()), usize::MAX)
        .await
        .unwrap();
    serde_json::from_slice(&body).unwrap()
}

async fn list(server: &McpServer, caller: &Principal, modern: bool, cursor: Option<&str>) -> Value {
    let answer = answer(server, caller, modern, cursor).await;
    assert!(answer["result"].is_object(), "{answer}");
    answer["result"].clone()
}

fn names(page: &Value) -> Vec<&str> {
    let tools = page["tools"].as_array().unwrap();
    tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_long_list_is_ordered_and_comes_in_pages_of_a_hundred() {
    let kit = Kit::new().await;
    let server = kit.server(Arc::new(many_tools()));
    let reader = kit.person(HOME, &["Task.Read"]).await;
    for modern in [true, false] {
        let first = list(&server, &reader, modern, None).await;
        assert_eq!(names(&first), NAMES[..100]);
        let cursor = first["nextCursor"].as_str().unwrap();
        let second = list(&server, &reader, modern, Some(cursor)).await;
        assert_eq!(names(&second), NAMES[100..]);
        assert!(second.get("nextCursor").is_none());
        let nothing_after = list(&server, &reader, modern, Some(NAMES[149])).await;
        assert!(names(&nothing_after).is_empty());
    }
}

#[tokio::test]
async fn a_cursor_that_names_no_tool_of_the_list_is_refused() {
    let kit = Kit::new().await;
    let server = kit.server(Arc::new(many_tools()));
    let reader = kit.person(HOME, &["Task.Read"]).await;
    let nobody = kit.person(HOME, &[]).await;
    for modern in [true, false] {
        // One that is hidden is refused as one that does not exist.
        for (caller, cursor) in [
            (&reader, ""),
            (&reader, "zzz"),
            (&reader, "T099"),
            (&nobody, NAMES[99]),
        ] {
            let answer = answer(&server, caller, modern, Some(cursor)).await;
            assert_eq!(answer["error"]["code"], -32602, "{cursor}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_list_is_the_callers_own_and_says_how_long_it_may_be_kept() {
    let kit = Kit::new().await;
    let server = kit.server(Arc::new(many_tools()));
    let reader = kit.person(HOME, &["Task.Read"]).await;
    let page = list(&server, &reader, true, None).await;
    assert_eq!(page["cacheScope"], "private");
    assert_eq!(page["ttlMs"], 60_000);
    // Clients of the era before do not know these members.
    let page = list(&server, &reader, false, None).await;
    assert!(page.get("cacheScope").is_none() && page.get("ttlMs").is_none());
    let nobody = kit.person(HOME, &[]).await;
    let page = list(&server, &nobody, true, None).await;
    assert!(names(&page).is_empty());
    assert_eq!(page["cacheScope"], "private");
}
