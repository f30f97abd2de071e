//! Storage stalls: what happens to requests then, and what becomes of their
//! entries.

use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::{Clock as _, SystemClock};
use futures::StreamExt as _;
use reqwest::Response;
use serde_json::{Value, json};

use super::support::{TABLE, call, mcp, stallable, stored};
use crate::rig::{Rig, through_host, until};

/// Checks that an answer says to come back later, since the log is full.
async fn assert_full(response: Response) {
    assert_eq!(response.status(), 503);
    let seconds: u64 = response.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&seconds));
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["code"], "AUDIT_UNAVAILABLE", "{body}");
}

/// Calls a read tool until the log is full, and says how many calls were
/// answered.
async fn until_full(rig: &Arc<Rig>, reader: &str) -> usize {
    let mut done = 0;
    for _ in 0..40 {
        let calls = futures::stream::iter(0..250).map(|_| {
            let (rig, reader) = (rig.clone(), reader.to_owned());
            async move { call(&rig, &reader, "whoami", json!({})).await }
        });
        let answers: Vec<Response> = calls.buffer_unordered(50).collect().await;
        let (through, refused): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .partition(|answer| answer.status() == 200);
        done += through.len();
        if !refused.is_empty() {
            for answer in refused {
                assert_full(answer).await;
            }
            return done;
        }
    }
    panic!("the queue does not fill");
}

/// Reads, lists, writes and calls hidden tools while the log is full: none is
/// begun, and each is answered after a second.
async fn assert_nothing_is_begun(rig: &Rig, reader: &str, writer: &str) {
    let alert = json!({"city": "Lisbon", "condition": "storm"});
    let clock = SystemClock::new();
    // The log stays full, so where the machine stood still meanwhile it is
    // asked again.
    for attempt in 1.. {
        let started = clock.monotonic();
        let (list, json_list, write, hidden) = tokio::join!(
            mcp(rig, reader, "tools/list", json!({})),
            rig.http
                .get(rig.url("/mcp/tools"))
                .bearer_auth(reader)
                .send(),
            call(rig, writer, "set_weather_alert", alert.clone()),
            call(rig, reader, "set_weather_alert", alert.clone()),
        );
        let waited = clock.monotonic().saturating_sub(started);
        for answer in [list, json_list.unwrap(), write, hidden] {
            assert_full(answer).await;
        }
        assert!(waited >= Duration::from_millis(950), "{waited:?}");
        if waited < Duration::from_secs(5) {
            return;
        }
        assert!(attempt < 3, "{waited:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_answered_503_after_a_second_and_nothing_is_dropped_or_half_done() {
    if through_host() {
        return;
    }
    let (rig, storage) = stallable(&[]).await;
    let (reader, writer) = (rig.token("reader"), rig.token("writer"));
    // Everything that a call needs once is there, before storage stalls.
    assert_eq!(call(&rig, &reader, "whoami", json!({})).await.status(), 200);
    // The log's table alone: on a slow machine this takes longer than the
    // revocation list may be old.
    storage.stall_table(TABLE);
    let rig = Arc::new(rig);
    let done = 1 + until_full(&rig, &reader).await;
    assert_nothing_is_begun(&rig, &reader, &writer).await;
    // What needs no entry is answered.
    assert_eq!(mcp(&rig, &reader, "ping", json!({})).await.status(), 200);
    storage.go_on();
    until("each call has its entry", async || {
        stored(&storage, "whoami").await.len() >= done
    })
    .await;
    let entries = stored(&storage, "whoami").await;
    assert_eq!(entries.len(), done, "an entry for each call, no more");
    assert!(entries.iter().all(|entry| entry["outcome"] == "succeeded"));
    assert!(stored(&storage, "set_weather_alert").await.is_empty());
    println!("audit: {done} calls were answered and entered before the queue was full");
    // The write that was refused was not made; the same now is.
    let weather = async || {
        let answer = call(&rig, &writer, "get_weather", json!({"city": "Lisbon"})).await;
        answer.json::<Value>().await.unwrap()["result"]["structuredContent"]["alerts"].clone()
    };
    assert_eq!(weather().await, json!([]));
    let alert = json!({"city": "Lisbon", "condition": "storm"});
    let answer = call(&rig, &writer, "set_weather_alert", alert).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(weather().await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_write_is_not_answered_before_the_log_has_it() {
    if through_host() {
        return;
    }
    let (rig, storage) = stallable(&[]).await;
    let rig = Arc::new(rig);
    for (persona, tool, arguments) in [
        ("writer", "save_record", json!({"data": {"n": 1}})),
        (
            "deleter",
            "delete_record",
            json!({"record_id": "00000000-0000-7000-8000-000000000000"}),
        ),
        ("admin", "admin_weather_stats", json!({})),
        // Refused: hidden from this one.
        ("reader", "admin_weather_stats", json!({})),
    ] {
        let token = rig.token(persona);
        storage.stall_table(TABLE);
        let asking = {
            let (rig, token) = (rig.clone(), token.clone());
            tokio::spawn(async move { call(&rig, &token, tool, arguments).await })
        };
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(!asking.is_finished(), "{persona} {tool}");
        let before = stored(&storage, tool).await.len();
        storage.go_on();
        let answer = asking.await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(stored(&storage, tool).await.len(), before + 1, "{tool}");
    }
    // A read does not wait, and is there soon all the same: how soon is a
    // test's of the writer alone.
    storage.stall_table(TABLE);
    assert_eq!(
        call(&rig, &rig.token("reader"), "whoami", json!({}))
            .await
            .status(),
        200
    );
    storage.go_on();
    until("the read has its entry", async || {
        !stored(&storage, "whoami").await.is_empty()
    })
    .await;
    assert_eq!(stored(&storage, "whoami").await.len(), 1);
}
