//! What functions of the MCP extension are sent, as recorded.

use entrada_functions_host::Host;
use serde_json::{Value, json};

use crate::http::{Connection, direct, request};
use crate::package::last_seen;
use crate::recorded::{HEADERS, forget_connection, recorded_functions};
use crate::replay::open_session;

/// The request that leads to a recorded trigger text.
fn asked(text: &str, trigger: &Value, metadata: &Value) -> String {
    // Texts of numbers matter: arguments are taken as they were written.
    let arguments = text
        .split_once("\"arguments\":")
        .and_then(|(_, rest)| {
            [",\"sessionid\"", ",\"clientinfo\"", ",\"transport\""]
                .iter()
                .find_map(|next| rest.split_once(next))
        })
        .map_or(String::new(), |(arguments, _)| {
            format!(",\"arguments\":{arguments}")
        });
    let (method, params) = if metadata.get("mcpresourcecontext").is_some() {
        ("resources/read", format!(r#""uri":{}"#, trigger["uri"]))
    } else if metadata.get("mcppromptcontext").is_some() {
        (
            "prompts/get",
            format!(r#""name":{}{arguments}"#, trigger["name"]),
        )
    } else {
        (
            "tools/call",
            format!(r#""name":{}{arguments}"#, trigger["name"]),
        )
    };
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}}}}}"#)
}

/// Asks as the recorded client did.
async fn ask(host: &Host, trigger: &Value, body: &str) {
    let headers = trigger.pointer(HEADERS).unwrap().as_object().unwrap();
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    if trigger["transport"]["name"] == "http-streamable" {
        let answer = request(host, "POST /runtime/webhooks/mcp", &headers, body).await;
        assert_eq!(answer.status, 200);
        return;
    }
    let mut stream = Connection::open(host).await;
    let headers: Vec<_> = headers
        .into_iter()
        .map(|(name, value)| (name, value.as_bytes()))
        .collect();
    let line = "GET /runtime/webhooks/mcp/sse";
    stream.send(crate::http::written(line, &headers, b"")).await;
    stream.head().await;
    let first = stream.chunk().await;
    let (_, endpoint) = first.trim_end().split_once("data: ").unwrap();
    let initialize = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": trigger["clientinfo"],
    }});
    for message in [&initialize.to_string(), body] {
        let line = format!("POST /runtime/webhooks/mcp/{endpoint}");
        let json = [("Content-Type", "application/json")];
        assert_eq!(request(host, &line, &json, message).await.status, 202);
        stream.chunk().await;
    }
}

/// Metadata without what the recordings lack and what differs by run.
fn comparable(metadata: &Value, trigger: &Value) -> Value {
    let mut metadata = metadata.clone();
    let members = metadata.as_object_mut().unwrap();
    members.remove("sys");
    members.remove("context");
    for name in trigger.as_object().unwrap().keys() {
        members.remove(name);
    }
    for context in members.values_mut() {
        if let Some(headers) = context.pointer_mut("/Transport/Properties/headers") {
            forget_connection(headers);
        }
    }
    metadata
}

/// The last post is the one that was recorded for a trigger text.
async fn check(host: &Host, case: &Value, function: &str, trigger: &Value) {
    let seen = last_seen(host).await;
    assert_eq!(seen["path"], format!("/{function}"));
    let mut posted: Value = serde_json::from_str(seen["body"].as_str().unwrap()).unwrap();
    let data = posted["Data"].as_object_mut().unwrap();
    let context = data.remove("context").unwrap();
    assert_eq!(posted["Data"], case["data"], "{function}");
    let metadata = &posted["Metadata"];
    assert_eq!(metadata["context"], context);
    assert_eq!(metadata["sys"]["MethodName"], function);
    let context: String = serde_json::from_str(context.as_str().unwrap()).unwrap();
    assert!(context.is_ascii());
    let mut context: Value = serde_json::from_str(&context).unwrap();
    forget_connection(context.pointer_mut(HEADERS).unwrap());
    assert_eq!(context, *trigger);
    assert_eq!(
        comparable(metadata, trigger),
        comparable(&case["metadata"], trigger),
        "{function}"
    );
    // The copies that the host makes of the trigger's members.
    for (name, value) in trigger.as_object().unwrap() {
        let mut copy = metadata[name].clone();
        if let Some(headers) = copy.pointer_mut("/properties/headers") {
            forget_connection(headers);
        }
        let expected = match value {
            Value::String(_) => json!(value.to_string()),
            other => other.clone(),
        };
        assert_eq!(copy, expected, "{function}: {name}");
    }
}

#[tokio::test]
async fn handlers_get_what_the_real_extension_hands_over() {
    let host = recorded_functions().start().await;
    let session = open_session(&host).await;
    let mut checked = 0;
    for line in include_str!("../fixtures/handler_posts.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        for function in case["functions"].as_array().unwrap() {
            let function = function.as_str().unwrap();
            let line = line.replace("$FUNCTION", function);
            let case: Value = serde_json::from_str(&line.replace("$SESSION", &session)).unwrap();
            let text = case["trigger"].as_str().unwrap();
            let mut trigger: Value = serde_json::from_str(text).unwrap();
            forget_connection(trigger.pointer_mut(HEADERS).unwrap());
            if function.starts_with("slow") {
                direct(&host, "POST", "/control/release").await;
            }
            ask(&host, &trigger, &asked(text, &trigger, &case["metadata"])).await;
            check(&host, &case, function, &trigger).await;
            checked += 1;
        }
    }
    assert_eq!(checked, 66);
}
