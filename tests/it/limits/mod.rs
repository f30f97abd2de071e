//! Limits, from outside.

mod answers;
mod instances;
mod outage;
mod people;

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;

use entrada_ambient::{Clock as _, SystemClock};
use futures::FutureExt as _;
use reqwest::Response;
use serde_json::{Value, json};

use crate::rig::{Handler, Rig};

/// How long calls that are in hand may be used. Who takes longer loses some,
/// and others flow in.
const LEASE: Duration = Duration::from_secs(5);

/// Runs a test with a server of its own. On a machine that is so busy that
/// storage does not lease in time, or that the test takes longer than a lease
/// lasts, other figures hold; then a test that fails is run again, twice.
async fn undisturbed(settings: &[(&str, &str)], test: impl AsyncFn(&Rig)) {
    let clock = SystemClock::new();
    for attempt in 1.. {
        let rig = Rig::with(settings).await;
        let began = clock.monotonic();
        let tested = AssertUnwindSafe(test(&rig)).catch_unwind().await;
        let took = clock.monotonic().saturating_sub(began);
        let Err(failure) = tested else {
            return;
        };
        // Meanwhile what the server wrote before arrives.
        let _ = rig.http.get(rig.url("/")).send().await;
        let was_alone = rig.handler.log().contains("limits: storage is away");
        if attempt == 3 || !(was_alone || took >= LEASE) {
            resume_unwind(failure);
        }
    }
}

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
