//! Calls that take long: told how far they are, and ended when nobody waits
//! for them any more.

use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Value, json};

use super::{call, modern};
use crate::rig::Rig;

/// Asks the agent that counts to twenty, a quarter of a second each.
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

#[tokio::test]
async fn a_long_call_tells_how_far_it_is_in_both_eras() {
    let rig = Rig::start().await;
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
    for request in [now, before] {
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let messages = messages(&response.text().await.unwrap());
        let (last, steps) = messages.split_last().unwrap();
        assert_eq!(last["result"]["isError"], false, "{last}");
        // It takes five seconds, and one step is told in each.
        assert!((4..=8).contains(&steps.len()), "{steps:?}");
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
    for _ in 0..60 {
        let params = json!({"name": "admin_audit_query", "arguments": {"tool": "ask_agent"}});
        let (_, answer) = call(rig, &admin, "tools/call", params).await;
        let entries = answer["result"]["structuredContent"]["entries"].as_array();
        let entries = entries.unwrap();
        if entries.len() == count {
            return entries.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the calls are not in the log");
}

/// What is left of the answer in the only session of the caller's.
async fn stored_answer(rig: &Rig, token: &str) -> Value {
    let (_, list) = rig.get("/api/sessions", token).await;
    let id = list["sessions"][0]["id"].as_str().unwrap();
    for _ in 0..60 {
        let (_, session) = rig.get(&format!("/api/sessions/{id}"), token).await;
        let answer = &session["messages"][1];
        if answer["status"].is_string() && answer["status"] != "streaming" {
            return answer.clone();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the answer was not ended");
}

#[tokio::test]
async fn a_call_ends_with_the_connection_of_its_client() {
    for told in [json!({"progressToken": 1}), json!({})] {
        let rig = Rig::start().await;
        let writer = rig.token("writer");
        let request = modern(&rig, &writer, ask_slowly(&told), json!({}));
        {
            let sending = tokio::time::timeout(Duration::from_millis(900), request.send());
            if let Ok(response) = sending.await {
                let mut stream = response.unwrap().bytes_stream();
                let listening = async { while stream.next().await.is_some() {} };
                let _ = tokio::time::timeout(Duration::from_millis(600), listening).await;
            }
        }
        let entry = in_the_log(&rig, 1).await.remove(0);
        assert_eq!(entry["outcome"], "abandoned", "{entry}");
        // The agent would have gone on for seconds.
        assert!(entry["duration_ms"].as_u64().unwrap() < 4000, "{entry}");
        let answer = stored_answer(&rig, &writer).await;
        assert_eq!(answer["status"], "incomplete", "{answer}");
        assert!(
            !answer["content"].as_str().unwrap().contains("20"),
            "{answer}"
        );
    }
}
