//! The MCP extension's door of server-sent events.

use entrada_functions_host::Host;
use serde_json::{Value, json};

use crate::extension::{message, recorded_tools};
use crate::http::{Connection, request};
use crate::package::{Package, last_seen};

const CASES: &str = include_str!("../fixtures/extension_sse.jsonl");

/// Opens the stream, and gives it with what its first event says.
async fn open(host: &Host, line: &str, headers: &str) -> (Connection, String) {
    let mut stream = Connection::open(host).await;
    stream
        .send(format!("GET {line} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"))
        .await;
    let (status, headers) = stream.head().await;
    assert_eq!(status, 200);
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache,no-store"),
        ("content-encoding", "identity"),
        ("transfer-encoding", "chunked"),
    ] {
        let header = headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        assert_eq!(header.map(|(_, value)| value.as_str()), Some(value));
    }
    let first = stream.chunk().await;
    let first = first.strip_prefix("event: endpoint\ndata: ").unwrap();
    (stream, first.strip_suffix("\n\n").unwrap().to_owned())
}

const FROM_GET: &str =
    "Accept: text/event-stream\r\nAuthorization: Bearer from-get\r\nX-Door: get\r\n";

#[tokio::test]
async fn clients_get_what_the_real_extension_answered_over_sse() {
    let host = recorded_tools().start().await;
    let (stream, endpoint) = open(&host, "/runtime/webhooks/mcp/sse", FROM_GET).await;
    let mut stream = Some(stream);
    let state = endpoint.strip_prefix("message?azmcpcs=").unwrap();
    let mut replayed = 0;
    for line in CASES.lines() {
        let case: Value = serde_json::from_str(&line.replace("$STATE", state)).unwrap();
        let note = case["note"].as_str().unwrap();
        if note == "POST after the stream was closed" {
            drop(stream.take());
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
        let headers: Vec<_> = case["request"][1]
            .as_array()
            .unwrap()
            .iter()
            .map(|header| (header[0].as_str().unwrap(), header[1].as_str().unwrap()))
            .collect();
        let body = case["request"][2].as_str().unwrap();
        let line = case["request"][0].as_str().unwrap();
        let answer = request(&host, line, &headers, body).await;
        let expected = &case["answer"];
        assert_eq!(answer.status, expected[0], "{note}");
        let known = |text: &str| {
            let mut words: Vec<_> = text.split('\'').map(str::to_owned).collect();
            // Ids of client and instance.
            for word in words.iter_mut().filter(|word| word.len() == 16) {
                "ID".clone_into(word);
            }
            words.join("'")
        };
        let text = answer.text().replace("\\u0027", "'");
        let wanted = expected[2].as_str().unwrap().replace("\\u0027", "'");
        assert_eq!(known(&text), known(&wanted), "{note}");
        for header in expected[1].as_array().unwrap() {
            let name = header[0].as_str().unwrap();
            assert_eq!(answer.header(name), header[1].as_str(), "{note}: {name}");
        }
        assert_eq!(
            answer.header("content-type").is_some(),
            expected[1].to_string().contains("Content-Type"),
            "{note}"
        );
        if let Some(event) = case["event"].as_str() {
            let said = stream.as_mut().unwrap().chunk().await;
            assert_eq!(message(&said), message(event), "{note}");
        }
        replayed += 1;
    }
    assert_eq!(replayed, 17);
}

#[tokio::test]
async fn a_tool_is_told_who_opened_the_stream_and_not_who_sent_the_message() {
    let host = recorded_tools().start().await;
    let (mut stream, endpoint) = open(&host, "/runtime/webhooks/mcp/sse", FROM_GET).await;
    let line = format!("POST /runtime/webhooks/mcp/{endpoint}");
    let headers = [
        ("Content-Type", "application/json"),
        ("Authorization", "Bearer from-post"),
    ];
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "sse-probe", "version": "1.0", "title": "S"},
    }});
    request(&host, &line, &headers, &initialize.to_string()).await;
    stream.chunk().await;
    let call = r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"whoami","arguments":{"a":1}}}"#;
    request(&host, &line, &headers, call).await;
    stream.chunk().await;
    let seen = last_seen(&host).await;
    let posted: Value = serde_json::from_str(seen["body"].as_str().unwrap()).unwrap();
    let context: String =
        serde_json::from_str(posted["Data"]["context"].as_str().unwrap()).unwrap();
    assert_eq!(
        context,
        r#"{"name":"whoami","arguments":{"a":1},"clientinfo":{"name":"sse-probe","title":"S","version":"1.0"},"transport":{"name":"http-sse","properties":{"headers":{"Accept":"text/event-stream","Host":"x","Authorization":"Bearer from-get","X-Door":"get"}}}}"#
    );
    assert_eq!(
        posted["Metadata"]["mcptoolcontext"]["ClientInfo"],
        json!({"Name": "sse-probe", "Title": "S", "Version": "1.0", "Icons": null, "WebsiteUrl": null})
    );
}

#[tokio::test]
async fn a_key_goes_into_the_address_for_messages() {
    let host = Package::new().tool("search").start().await;
    for (line, headers) in [
        ("/runtime/webhooks/mcp/sse?code=not-a-real-key", ""),
        (
            "/runtime/webhooks/mcp/sse",
            "x-functions-key: not-a-real-key\r\n",
        ),
    ] {
        let (_stream, endpoint) = open(&host, line, headers).await;
        assert!(endpoint.ends_with("&code=not-a-real-key"), "{endpoint}");
    }
    for line in ["/runtime/webhooks/mcp/sse/", "/RUNTIME/webhooks/mcp/SSE"] {
        let (_stream, endpoint) = open(&host, line, "").await;
        assert!(endpoint.starts_with("message?azmcpcs=") && !endpoint.contains('&'));
    }
}
