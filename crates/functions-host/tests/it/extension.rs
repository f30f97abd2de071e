use entrada_functions_host::Host;
use serde_json::{Value, json};

use crate::http::{Answer, request};
use crate::package::{Package, seen, tool_binding};
use crate::recorded::{USUAL, message};

const DOOR: &str = "POST /runtime/webhooks/mcp";

async fn post(host: &Host, body: &str) -> Answer {
    request(host, DOOR, &USUAL, body).await
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
