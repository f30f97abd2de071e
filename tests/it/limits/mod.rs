//! Limits, from outside.

mod answers;
mod instances;
mod outage;
mod people;

use reqwest::Response;
use serde_json::{Value, json};

use crate::rig::{Handler, Rig};

/// The answer to `GET path` with a token.
async fn get(rig: &Rig, handler: &Handler, path: &str, token: &str) -> Response {
    let request = rig.http.get(handler.url(path)).bearer_auth(token);
    request.send().await.unwrap()
}

/// The answer to a JSON-RPC message at `/mcp`.
async fn mcp(rig: &Rig, token: Option<&str>, message: &Value) -> Response {
    let request = rig.http.post(rig.url("/mcp")).json(message);
    let request = request.header("accept", "application/json, text/event-stream");
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.send().await.unwrap()
}

/// A call of the public tool.
fn public_call() -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "get_authentication_info", "arguments": {}},
    })
}

/// Checks that an answer is 429 and says when to come back: in how many
/// seconds.
fn assert_limited(response: &Response) -> u64 {
    assert_eq!(response.status(), 429);
    let seconds = response.headers()["retry-after"].to_str().unwrap();
    let seconds: u64 = seconds.parse().unwrap();
    assert!((1..=120).contains(&seconds), "{seconds}");
    seconds
}
