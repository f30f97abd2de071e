//! Calls that take long: told how far they are, and ended when nobody waits
//! for them any more.

use entrada_ambient::{Clock as _, SystemClock};
use futures::StreamExt as _;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{call, modern};
use crate::foundry_agents::foundry;
use crate::rig::{Rig, until};

/// Asks the agent that counts, a quarter of a second for each number.
fn ask_slowly(meta: &Value) -> (&'static str, Value) {
    let arguments = json!({"agent": "slow", "message": "Count"});
    let params = json!({"name": "ask_agent", "arguments": arguments, "_meta": meta});
    ("tools/call", params)
}

/// The messages of an answer that came as server-sent events.
pub(super) fn messages(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter_map(|data| serde_json::from_str(data.trim()).ok())
        .collect()
}

/// The messages of an answer that comes as server-sent events, and how many
/// seconds passed until it was there.
async fn followed(request: RequestBuilder) -> (Vec<Value>, u64) {
    let clock = SystemClock::new();
    let began = clock.monotonic();
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let messages = messages(&response.text().await.unwrap());
    let took = clock.monotonic().saturating_sub(began);
    (messages, took.as_secs())
}

#[tokio::test]
async fn a_long_call_tells_how_far_it_is_in_both_eras() {
    let rig = Rig::start().await;
    // Ten seconds.
    foundry(&rig.stand_ins, "behaviour", json!({"slow_words": 40})).await;
    let writer = rig.token("writer");
    let told = json!({"progressToken": "mine"});
    let now = modern(&rig, &writer, ask_slowly(&told), json!({}));
    let (method, params) = ask_slowly(&told);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let before = rig
        .http
        .post(rig.url("/mcp"))
        .bearer_auth(&writer)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-06-18")
        .json(&body);
    let (now, before) = tokio::join!(followed(now), followed(before));
    for (messages, seconds) in [now, before] {
        let (last, steps) = messages.split_last().unwrap();
        assert_eq!(last["result"]["isError"], false, "{last}");
        // One at the beginning and one in each second: by the time that really
        // passed, since words of an agent that is kept waiting come late, and
        // those that a server is kept from hearing come together.
        let most = usize::try_from(seconds + 2).unwrap();
        assert!(
            (4..=most).contains(&steps.len()),
            "in {seconds} s: {steps:?}"
        );
        let mut so_far = 0.0;
        for step in steps {
            assert_eq!(step["method"], "notifications/progress");
            assert_eq!(step["params"]["progressToken"], "mine");
            assert!(step["params"]["message"].is_string(), "{step}");
            let progress = step["params"]["progress"].as_f64().unwrap();
            assert!(progress > so_far, "{steps:?}");
            so_far = progress;
        }
    }
}

#[tokio::test]
async fn who_does_not_ask_is_told_nothing_on_the_way() {
    let rig = Rig::start().await;
    let arguments = json!({"agent": "assistant", "message": "Hello"});
    let params = json!({"name": "ask_agent", "arguments": arguments});
    let request = modern(
        &rig,
        &rig.token("writer"),
        ("tools/call", params),
        json!({}),
    );
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
}

/// What the log says of calls of `ask_agent`, newest first, once it has
/// `count` entries.
pub(super) async fn in_the_log(rig: &Rig, count: usize) -> Vec<Value> {
    let admin = rig.token("admin");
    let mut found = Vec::new();
    until("the calls are in the log", async || {
        let params = json!({"name": "admin_audit_query", "arguments": {"tool": "ask_agent"}});
        let (_, answer) = call(rig, &admin, "tools/call", params).await;
        let entries = &answer["result"]["structuredContent"]["entries"];
        found.clone_from(entries.as_array().unwrap());
        found.len() == count
    })
    .await;
    found
}

/// What there is of the answer in the only session of the caller's; null when
/// there is none yet.
async fn stored_answer(rig: &Rig, token: &str) -> Value {
    let (_, list) = rig.get("/api/sessions", token).await;
    let Some(id) = list["sessions"][0]["id"].as_str() else {
        return Value::Null;
    };
    let (_, session) = rig.get(&format!("/api/sessions/{id}"), token).await;
    session["messages"][1].clone()
}

#[tokio::test]
async fn a_call_ends_with_the_connection_of_its_client() {
    for told in [json!({"progressToken": 1}), json!({})] {
        let rig = Rig::start().await;
        // Forty minutes, far longer than anything here takes.
        foundry(&rig.stand_ins, "behaviour", json!({"slow_words": 10_000})).await;
        let writer = rig.token("writer");
        let request = modern(&rig, &writer, ask_slowly(&told), json!({}));
        let calling = tokio::spawn(async move {
            let mut stream = request.send().await.unwrap().bytes_stream();
            while stream.next().await.is_some() {}
        });
        // What has come so far is stored every two seconds.
        until("the agent answers", async || {
            stored_answer(&rig, &writer).await["status"] == "in_progress"
        })
        .await;
        calling.abort();
        let entry = in_the_log(&rig, 1).await.remove(0);
        assert_eq!(entry["outcome"], "abandoned", "{entry}");
        // The agent would have gone on for long.
        assert!(entry["duration_ms"].as_u64().unwrap() < 600_000, "{entry}");
        let mut answer = Value::Null;
        until("the answer has ended", async || {
            answer = stored_answer(&rig, &writer).await;
            answer["status"] != "in_progress"
        })
        .await;
        assert_eq!(answer["status"], "incomplete", "{answer}");
        assert!(
            !answer["content"].as_str().unwrap().contains("10000"),
            "{answer}"
        );
    }
}
