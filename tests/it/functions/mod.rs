//! What the Functions host sends by itself: calls of tools that come through
//! its MCP extension, and the timer.

mod calls;
mod extension;
mod recorded;
mod refusals;
mod sweep;

use serde_json::{Value, json};

use crate::rig::Rig;

/// The text that a tool's trigger hands over for a call with these headers.
fn trigger(name: &str, arguments: &Value, headers: &Value) -> Value {
    json!({
        "name": name,
        "arguments": arguments,
        "transport": {"name": "http-streamable", "properties": {"headers": headers}},
    })
}

/// A call as the host wraps it: the trigger's text, as a JSON text again.
fn wrapped(trigger: &str) -> String {
    let context = Value::from(trigger).to_string();
    json!({
        "Data": {"context": context},
        "Metadata": {"context": context, "sys": {"MethodName": "x", "UtcNow": "", "RandGuid": ""}},
    })
    .to_string()
}

/// What a function answers to a wrapped call: the result that a client gets.
async fn post(rig: &Rig, function: &str, body: String) -> Value {
    let response = rig
        .http
        .post(rig.handler.wrapped_url(function))
        .header("content-type", "application/json; charset=utf-8")
        .header("user-agent", "Azure-Functions-Host/4.1050.0.0")
        .header("x-azure-functions-invocationid", "1")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    result(&response.text().await.unwrap())
}

/// Reads an answer as the host and the extension do.
fn result(answer: &str) -> Value {
    let answer: Value = serde_json::from_str(answer).unwrap();
    assert!(answer["Outputs"].is_object() && answer["Logs"].is_array());
    let envelope = answer["ReturnValue"].as_str().expect("a text");
    let envelope: Value = serde_json::from_str(envelope).expect("JSON, not plain text");
    assert_eq!(envelope["type"], "call_tool_result");
    let result: Value = serde_json::from_str(envelope["content"].as_str().unwrap()).unwrap();
    let content = result["content"].as_array().unwrap();
    assert!(!content.is_empty() && content.iter().all(|block| block["text"].is_string()));
    assert!(result["isError"].is_boolean());
    result
}

/// Calls a tool's function as somebody with this `Authorization`.
pub(crate) async fn call(
    rig: &Rig,
    function: &str,
    arguments: Value,
    authorization: &str,
) -> Value {
    let headers = json!({"Authorization": authorization});
    let trigger = trigger(function, &arguments, &headers);
    post(rig, function, wrapped(&trigger.to_string())).await
}

/// What a result that is an error says.
fn complaint(result: &Value) -> &str {
    assert_eq!(result["isError"], true, "{result}");
    assert!(result.get("structuredContent").is_none(), "{result}");
    result["content"][0]["text"].as_str().unwrap()
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
