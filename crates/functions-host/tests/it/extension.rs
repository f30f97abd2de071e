use entrada_functions_host::Host;
use serde_json::{Value, json};

use crate::http::{Answer, request};
use crate::package::{Package, last_seen, seen, tool_binding};

const DOOR: &str = "POST /runtime/webhooks/mcp";
const USUAL: [(&str, &str); 2] = [
    ("Accept", "application/json, text/event-stream"),
    ("Content-Type", "application/json"),
];

/// The tools that were declared to the real extension.
pub(crate) fn recorded_tools() -> Package {
    let mut package = Package::new();
    for line in include_str!("../fixtures/tools.jsonl").lines() {
        let tool: Value = serde_json::from_str(line).unwrap();
        let name = tool["function"].as_str().unwrap();
        package = package
            .function(name, &tool["bindings"])
            .answer(name, tool["answer"].clone());
    }
    package
}

async fn post(host: &Host, body: &str) -> Answer {
    request(host, DOOR, &USUAL, body).await
}

async fn open_session(host: &Host) -> String {
    let body = r#"{"jsonrpc":"2.0","id":0,"method":"initialize"}"#;
    post(host, body)
        .await
        .header("mcp-session-id")
        .unwrap()
        .to_owned()
}

/// The JSON in an answer: of its one event, or its whole body.
pub(crate) fn message(body: &str) -> Value {
    let Some(data) = body.strip_prefix("event: message\ndata: ") else {
        return serde_json::from_str(body).unwrap_or(json!(body));
    };
    let line = data.strip_suffix("\n\n").expect("one event");
    assert!(!line.contains('\n') && line.is_ascii(), "{line}");
    let mut message: Value = serde_json::from_str(line).unwrap();
    if let Some(tools) = message
        .pointer_mut("/result/tools")
        .and_then(Value::as_array_mut)
    {
        // The host registers tools in the order of its functions.
        tools.sort_by_key(|tool| tool["name"].to_string());
    }
    // A text in which a tool gives back what it was told.
    if let Some(text) = message.pointer_mut("/result/content/0/text")
        && let Ok(mut call) = serde_json::from_str::<Value>(text.as_str().unwrap_or_default())
        && let Some(headers) = call.pointer_mut(HEADERS)
    {
        forget_connection(headers);
        *text = call;
    }
    message
}

/// Removes what differs between a recording and a test.
fn forget_connection(headers: &mut Value) {
    let headers = headers.as_object_mut().unwrap();
    headers.remove("Host");
    headers.remove("Content-Length");
}

/// Members in the order in which they are written.
fn order(body: &str) -> Vec<usize> {
    ["\"id\":", "\"jsonrpc\":"]
        .iter()
        .filter_map(|member| body.rfind(member))
        .collect()
}

async fn replay(host: &Host, recordings: &str) -> usize {
    let session = open_session(host).await;
    let mut replayed = 0;
    for line in recordings.lines() {
        let line = line.replace("$SESSION", &session);
        let case: Value = serde_json::from_str(&line).unwrap();
        let note = case["note"].as_str().unwrap();
        let headers: Vec<(&str, &str)> = match case["request"][1].as_array() {
            None => USUAL.to_vec(),
            Some(headers) => headers
                .iter()
                .map(|header| (header[0].as_str().unwrap(), header[1].as_str().unwrap()))
                .collect(),
        };
        let latin: Vec<(String, String)> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), as_sent(value)))
            .collect();
        let headers: Vec<_> = latin
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let body = case["request"][2].as_str().unwrap();
        let answer = request(host, case["request"][0].as_str().unwrap(), &headers, body).await;
        let expected = case["answer"][2].as_str().unwrap();
        assert_eq!(
            answer.status,
            case["answer"][0],
            "{note}: {}",
            answer.text()
        );
        assert_eq!(message(&answer.text()), message(expected), "{note}");
        assert_eq!(
            order(&answer.text()).is_sorted(),
            order(expected).is_sorted(),
            "{note}"
        );
        check_headers(&answer, &case["answer"][1], note);
        replayed += 1;
    }
    replayed
}

/// Recordings show header bytes as Latin-1; they were UTF-8 on the wire.
fn as_sent(value: &str) -> String {
    let bytes: Option<Vec<u8>> = value
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_else(|| value.to_owned())
}

fn check_headers(answer: &Answer, recorded: &Value, note: &str) {
    let stream = json!([
        ["Connection", "keep-alive"],
        ["Content-Type", "text/event-stream"],
        ["Cache-Control", "no-cache,no-store"],
        ["Content-Encoding", "identity"],
        ["Transfer-Encoding", "chunked"],
    ]);
    let recorded = recorded.as_array().or(stream.as_array()).unwrap();
    for name in [
        "Content-Type",
        "Cache-Control",
        "Content-Encoding",
        "Transfer-Encoding",
        "Mcp-Session-Id",
    ] {
        let expected = recorded.iter().find(|header| header[0] == name);
        let expected = expected.map(|header| header[1].as_str().unwrap());
        let found = answer.header(name).map(|value| {
            if name == "Mcp-Session-Id" {
                "$ISSUED"
            } else {
                value
            }
        });
        assert_eq!(found, expected, "{note}: {name}");
    }
}

#[tokio::test]
async fn clients_get_what_the_real_extension_answered() {
    let host = recorded_tools().start().await;
    let replayed = replay(&host, include_str!("../fixtures/extension_sealed.jsonl")).await;
    assert_eq!(replayed, 85);
}

#[tokio::test]
async fn plain_session_ids_are_answered_as_the_real_extension_does() {
    let package = recorded_tools();
    let options = package
        .options()
        .setting("FUNCTIONS_CORETOOLS_ENVIRONMENT", "1");
    let host = package.start_with(options).await;
    let replayed = replay(&host, include_str!("../fixtures/extension_plain.jsonl")).await;
    assert_eq!(replayed, 7);
}

#[tokio::test]
async fn handlers_get_what_the_real_extension_hands_over() {
    let host = recorded_tools().start().await;
    let session = open_session(&host).await;
    let mut checked = 0;
    for line in include_str!("../fixtures/handler_posts.jsonl").lines() {
        let case: Value = serde_json::from_str(&line.replace("$SESSION", &session)).unwrap();
        let trigger = call_as_recorded(&host, case["trigger"].as_str().unwrap()).await;

        let seen = last_seen(&host).await;
        let function = case["function"].as_str().unwrap();
        assert_eq!(seen["path"], format!("/{function}"));
        let mut posted: Value = serde_json::from_str(seen["body"].as_str().unwrap()).unwrap();
        let context = posted["Data"]
            .as_object_mut()
            .unwrap()
            .remove("context")
            .unwrap();
        assert_eq!(posted["Metadata"]["context"], context);
        let context: String = serde_json::from_str(context.as_str().unwrap()).unwrap();
        assert!(context.is_ascii());
        let mut context: Value = serde_json::from_str(&context).unwrap();
        forget_connection(context.pointer_mut(HEADERS).unwrap());
        assert_eq!(context, trigger);
        assert_eq!(posted["Data"], case["data"]);
        let metadata = &posted["Metadata"];
        assert_eq!(comparable(metadata), comparable(&case["metadata"]));
        // The copies that the host makes of the trigger's members.
        assert_eq!(metadata["name"], json!(trigger["name"].to_string()));
        assert_eq!(metadata.get("arguments"), trigger.get("arguments"));
        assert_eq!(
            metadata.get("sessionid").is_some(),
            trigger.get("sessionid").is_some()
        );
        checked += 1;
    }
    assert_eq!(checked, 18);
}

const HEADERS: &str = "/transport/properties/headers";

/// Makes the call that leads to a recorded trigger text, and gives that text's
/// JSON without what belongs to the recording's connection.
async fn call_as_recorded(host: &Host, text: &str) -> Value {
    let mut trigger: Value = serde_json::from_str(text).unwrap();
    let headers = trigger.pointer_mut(HEADERS).unwrap();
    forget_connection(headers);
    let headers = headers.as_object().unwrap().clone();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    // Texts of numbers matter: arguments are taken as they were written.
    let arguments = text
        .split_once("\"arguments\":")
        .and_then(|(_, rest)| {
            rest.split_once(",\"sessionid\"")
                .or(rest.split_once(",\"transport\""))
        })
        .map_or(String::new(), |(arguments, _)| {
            format!(",\"arguments\":{arguments}")
        });
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{}{arguments}}}}}"#,
        trigger["name"]
    );
    assert_eq!(request(host, DOOR, &headers, &body).await.status, 200);
    trigger
}

/// Metadata without what the recordings lack and what differs by run.
fn comparable(metadata: &Value) -> Value {
    let mut metadata = metadata.clone();
    let members = metadata.as_object_mut().unwrap();
    for name in [
        "sys",
        "context",
        "name",
        "arguments",
        "sessionid",
        "transport",
    ] {
        members.remove(name);
    }
    let headers = metadata.pointer_mut("/mcptoolcontext/Transport/Properties/headers");
    forget_connection(headers.unwrap());
    metadata
}

#[tokio::test]
async fn the_door_takes_posts_alone() {
    let host = Package::new().tool("search").start().await;
    for method in ["GET", "DELETE", "OPTIONS", "PUT"] {
        let line = format!("{method} /runtime/webhooks/mcp/any/path");
        let answer = request(&host, &line, &USUAL, "").await;
        assert_eq!((answer.status, answer.body.len()), (405, 0), "{method}");
    }
}

#[tokio::test]
async fn both_media_types_must_be_acceptable() {
    let host = Package::new().tool("search").start().await;
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let with = async |accept: &str| {
        let headers = [("Accept", accept), ("Content-Type", "application/json")];
        request(&host, DOOR, &headers, ping).await
    };
    for accept in [
        "*/*",
        "application/*, text/*",
        "text/event-stream;q=0.5,application/json",
    ] {
        assert_eq!(with(accept).await.status, 200, "{accept}");
    }
    for accept in ["application/json", "text/event-stream", "text/*", ""] {
        let answer = with(accept).await;
        assert_eq!(answer.status, 406, "{accept}");
        assert_eq!(
            answer.text(),
            r#"{"error":{"code":-32000,"message":"Not Acceptable: Client must accept both application/json and text/event-stream"},"id":"","jsonrpc":"2.0"}"#
        );
    }
}

#[tokio::test]
async fn what_is_no_message_fails_without_a_word() {
    let host = Package::new().tool("search").start().await;
    for body in [
        "",
        "{",
        "[]",
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
    ] {
        let answer = post(&host, body).await;
        assert_eq!((answer.status, answer.body.len()), (500, 0), "{body}");
    }
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for content_type in ["text/plain", "application/jsonl"] {
        let headers = [("Accept", "*/*"), ("Content-Type", content_type)];
        assert_eq!(
            request(&host, DOOR, &headers, ping).await.status,
            500,
            "{content_type}"
        );
    }
    let answer = post(&host, "null").await;
    assert_eq!(answer.status, 400);
    assert_eq!(message(&answer.text())["error"]["code"], -32000);
}

#[tokio::test]
async fn a_call_is_refused_for_an_unknown_tool_or_a_missing_argument_alone() {
    let mut binding = tool_binding("search");
    binding["useWorkerInputSchema"] = json!(true);
    binding["inputSchema"] = json!(
        json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q", "n"]})
            .to_string()
    );
    let host = Package::new()
        .function("search", &json!([binding]))
        .answer("search", json!({"body": {"ReturnValue": "found"}}))
        .start()
        .await;
    let call = async |params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        message(&post(&host, &body.to_string()).await.text())
    };
    let unknown = call(json!({"name": "nope"})).await;
    assert_eq!(
        unknown["error"],
        json!({"code": -32602, "message": "Unknown tool: 'nope'"})
    );
    let missing = call(json!({"name": "search", "arguments": {"q": null}})).await;
    assert_eq!(
        missing["error"]["message"],
        "One or more required tool properties are missing values. Please provide: q, n"
    );
    for params in [
        json!({"name": "search", "arguments": []}),
        json!({"arguments": {}}),
    ] {
        assert_eq!(call(params).await["error"]["code"], -32603);
    }
    assert!(
        seen(&host)
            .await
            .iter()
            .all(|seen| seen["path"] != "/search")
    );
    // Types are not checked, names are matched in any case.
    let found = call(json!({"name": "SEARCH", "arguments": {"q": 5, "n": "x", "other": 1}})).await;
    assert_eq!(found["result"]["content"][0]["text"], "found");
}

#[tokio::test]
async fn a_call_without_an_id_is_not_made() {
    let host = Package::new().tool("search").start().await;
    let before = seen(&host).await.len();
    let body = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"search"}}"#;
    assert_eq!(post(&host, body).await.status, 202);
    assert_eq!(seen(&host).await.len(), before);
}

#[tokio::test]
async fn the_server_introduces_itself_by_host_json() {
    let host = Package::new()
        .host("/extensions/mcp/serverName", json!("Entrada"))
        .host("/extensions/mcp/serverVersion", json!("0.1.0"))
        .host("/extensions/mcp/instructions", json!("Sign in."))
        .tool("search")
        .start()
        .await;
    let body = r#"{"jsonrpc":"2.0","id":0,"method":"initialize"}"#;
    let result = message(&post(&host, body).await.text());
    assert_eq!(
        result["result"]["serverInfo"],
        json!({"name": "Entrada", "version": "0.1.0"})
    );
    assert_eq!(result["result"]["instructions"], "Sign in.");
}

#[tokio::test]
async fn a_large_call_is_taken() {
    let host = Package::new()
        .tool("search")
        .answer("search", json!({"body": {"ReturnValue": "found"}}))
        .start()
        .await;
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "search", "arguments": {"q": "x".repeat(2_000_000)}}});
    let answer = post(&host, &body.to_string()).await;
    assert_eq!(
        message(&answer.text())["result"]["content"][0]["text"],
        "found"
    );
}
