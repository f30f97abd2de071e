//! The tools from outside: each does its work, for whom it may, in its own
//! tenant.

mod agents;
mod graph;
mod public;
mod records;
mod timing;
mod unknown;

use serde_json::{Value, json};

use crate::rig::Rig;

/// The tenant of the persona `guest`, as people of another organisation.
const OTHER_TENANT: (&str, &str) = ("ENTRADA_TENANTS", "fab21ca0-0000-4000-8000-000000000002");

/// A `tools/call` as an `initialize` client sends it.
pub(crate) fn request(rig: &Rig, name: &str, arguments: &Value) -> reqwest::RequestBuilder {
    let params = json!({"name": name, "arguments": arguments});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    rig.http
        .post(rig.url("/mcp"))
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .json(&body)
}

/// What a call gives.
pub(crate) async fn call(rig: &Rig, token: &str, name: &str, arguments: Value) -> Value {
    let request = request(rig, name, &arguments).bearer_auth(token);
    let (status, answer) = rig.ask(request).await;
    assert_eq!(status, 200, "{answer}");
    let result = &answer["result"];
    assert_ne!(result["isError"], true, "{answer}");
    result["structuredContent"].clone()
}

/// What a call that goes wrong says.
pub(crate) async fn complaint(rig: &Rig, token: &str, name: &str, arguments: Value) -> String {
    let request = request(rig, name, &arguments).bearer_auth(token);
    let (status, answer) = rig.ask(request).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let text = &answer["result"]["content"][0]["text"];
    text.as_str().unwrap().to_owned()
}

/// A token of a persona with these roles instead of the persona's own.
fn token_with_roles(rig: &Rig, persona: &str, roles: &[&str]) -> String {
    let request = entrada_stand_ins::TokenRequest::for_persona(persona);
    rig.mint(&request.with("roles", json!(roles)))
}
