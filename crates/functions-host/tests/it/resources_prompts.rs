//! Resources and prompts of the MCP extension: what becomes of what functions
//! give back, beside what was recorded.

use entrada_functions_host::Host;
use serde_json::{Value, json};

use crate::http::request;
use crate::package::Package;
use crate::recorded::{USUAL, message};

async fn ask(host: &Host, method: &str, params: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let answer = request(host, "POST /runtime/webhooks/mcp", &USUAL, body).await;
    message(&answer.text())
}

/// A package with one function for each value that functions give back.
fn package(values: &[Value], binding: impl Fn(usize) -> Value) -> Package {
    let mut package = Package::new();
    for (index, value) in values.iter().enumerate() {
        let name = format!("f{index}");
        package = package
            .function(&name, &json!([binding(index)]))
            .answer(&name, json!({"body": {"ReturnValue": value}}));
    }
    package
}

/// Runs each value through a function; `None` for a failure.
async fn results(
    cases: &[(Value, Option<Value>)],
    binding: impl Fn(usize) -> Value,
    method: &str,
    params: impl Fn(usize) -> Value,
) {
    let values: Vec<Value> = cases.iter().map(|(value, _)| value.clone()).collect();
    let host = package(&values, binding).start().await;
    for (index, (value, expected)) in cases.iter().enumerate() {
        let answer = ask(&host, method, params(index)).await;
        match expected {
            Some(expected) => assert_eq!(answer["result"], *expected, "{value}"),
            None => assert_eq!(answer["error"]["code"], -32603, "{value}: {answer}"),
        }
    }
}

#[tokio::test]
async fn a_resource_is_text_unless_it_is_an_envelope() {
    let plain = |text: &str| json!({"contents": [{"uri": "a://X", "mimeType": "text/plain", "text": text}]});
    let wrap = |contents: &Value| json!(json!({"content": contents.to_string()}).to_string());
    let blob = json!({"uri": "", "blob": "AAEC"});
    let whole = json!({"uri": "b://y", "mimeType": "text/css", "text": "t", "_meta": {"k": 1}});
    let cases = [
        (json!("text"), Some(plain("text"))),
        (json!(""), Some(plain(""))),
        (json!("{\"a\":1}"), Some(plain("{\"a\":1}"))),
        (json!("{\"content\":5}"), Some(plain("{\"content\":5}"))),
        (json!("2026-01-02"), Some(plain("2026-01-02"))),
        (wrap(&whole), Some(json!({"contents": [whole]}))),
        (
            wrap(&blob),
            Some(json!({"contents": [{"uri": "a://X", "mimeType": "text/plain", "blob": "AAEC"}]})),
        ),
        // Newtonsoft.Json reads a date, which is no text; nor are the rest.
        (json!("2026-01-02T03:04:05Z"), None),
        (wrap(&json!({"uri": "b://y"})), None),
        (json!({"a": 1}), None),
        (json!(true), None),
    ];
    let binding = |index| {
        json!({"type": "mcpResourceTrigger", "direction": "in", "name": "context",
            "uri": format!("a{index}://{{any}}"), "resourceName": "x", "mimeType": "text/plain"})
    };
    // Each function has a scheme of its own.
    let cases: Vec<_> = cases
        .into_iter()
        .enumerate()
        .map(|(index, (value, expected))| {
            let expected = expected.map(|expected| {
                let text = expected
                    .to_string()
                    .replace("a://X", &format!("a{index}://X"));
                serde_json::from_str(&text).unwrap()
            });
            (value, expected)
        })
        .collect();
    let params = |index| json!({"uri": format!("a{index}://X")});
    results(&cases, binding, "resources/read", params).await;
}

#[tokio::test]
async fn a_prompt_with_a_result_schema_has_to_be_an_envelope() {
    let wrap = |kind: &str, content: &Value| {
        json!(json!({"Type": kind, "Content": content.to_string()}).to_string())
    };
    let said = json!([{"content": {"type": "text", "text": "hi"}, "role": "assistant"}]);
    let nobody = json!([{"content": {"type": "text", "text": "hi"}, "role": "system"}]);
    let cases = [
        (Value::Null, Some(json!({"messages": []}))),
        (
            wrap("prompt_messages", &said),
            Some(json!({"messages": said})),
        ),
        (
            wrap(
                "GET_PROMPT_RESULT",
                &json!({"description": "d", "messages": said}),
            ),
            Some(json!({"description": "d", "messages": said})),
        ),
        (wrap("prompt_messages", &nobody), None),
        (wrap("other", &said), None),
        (json!("write about it"), None),
        (json!({"type": "prompt_messages"}), None),
    ];
    let binding = |index| {
        json!({"type": "mcpPromptTrigger", "direction": "in", "name": "context",
            "promptName": format!("p{index}"), "useResultSchema": true})
    };
    let params = |index| json!({"name": format!("p{index}")});
    results(&cases, binding, "prompts/get", params).await;
}

#[tokio::test]
async fn a_prompt_without_a_result_schema_is_what_the_user_says() {
    let user = |text: &str| json!({"messages": [{"content": {"type": "text", "text": text}, "role": "user"}]});
    let cases = [
        (Value::Null, Some(json!({"messages": []}))),
        (json!("write about it"), Some(user("write about it"))),
        (json!(true), Some(user("True"))),
        (
            json!("2026-01-02T03:04:05Z"),
            Some(user("01/02/2026 03:04:05")),
        ),
    ];
    let binding = |index| {
        json!({"type": "mcpPromptTrigger", "direction": "in", "name": "context",
            "promptName": format!("p{index}")})
    };
    let params = |index| json!({"name": format!("p{index}")});
    results(&cases, binding, "prompts/get", params).await;
}

#[tokio::test]
async fn a_resource_of_its_own_goes_before_a_template() {
    let binding = |uri: &str, name: &str| {
        json!([{"type": "mcpResourceTrigger", "direction": "in", "name": "context",
            "uri": uri, "resourceName": name}])
    };
    let host = Package::new()
        .function("a", &binding("docs://pages/{page}", "any"))
        .answer("a", json!({"body": {"ReturnValue": "any"}}))
        .function("b", &binding("docs://pages/one", "one"))
        .answer("b", json!({"body": {"ReturnValue": "one"}}))
        .start()
        .await;
    for (uri, text) in [("docs://pages/ONE", "one"), ("docs://pages/two", "any")] {
        let answer = ask(&host, "resources/read", json!({"uri": uri})).await;
        assert_eq!(answer["result"]["contents"][0]["text"], text, "{answer}");
    }
    // What is no URI is not looked for.
    let answer = ask(&host, "resources/read", json!({"uri": "pages/one"})).await;
    assert_eq!(answer["error"]["code"], -32603, "{answer}");
}
