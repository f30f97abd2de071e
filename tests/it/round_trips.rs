//! How often storage is asked before an answer: counted, not timed.

use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::{Clock as _, ManualClock, SystemClock};
use serde_json::{Value, json};

use crate::rig::{Person, Rig, Watched, through_host, until};

/// Far longer than answers take. Storage that stalls never answers, so whoever
/// waits for it is found out however long this is.
const LONGEST: Duration = Duration::from_mins(1);

/// A server in this process whose storage counts. Its clock stands still: no
/// lease ends, and nothing that is kept for seconds is read again, because the
/// machine was slow.
async fn counted() -> (Rig, Arc<Watched>) {
    let mut watched = None;
    // With the limits that a server has when nobody sets any.
    let limits = [("ENTRADA_REQUESTS_PER_MINUTE", "100")];
    let clock = Arc::new(ManualClock::at(SystemClock::new().now()));
    let rig = Rig::inside_by(clock, &limits, |tables| {
        let tables = Watched::new(tables);
        watched = Some(tables.clone());
        tables
    })
    .await;
    (rig, watched.unwrap())
}

async fn call(rig: &Rig, token: &str, method: &str, parameters: Value) {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
    let request = rig
        .http
        .post(rig.url("/mcp"))
        .bearer_auth(token)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .json(&body);
    let (status, answer) = rig.ask(request).await;
    assert_eq!(status, 200);
    assert!(answer["result"].is_object(), "{answer}");
}

/// Lets what goes on behind answers (the audit log's batches, sweeps, leases)
/// come to an end, and forgets what it asked.
async fn settle(storage: &Watched) {
    until("storage is left alone", async || {
        storage.take();
        tokio::time::sleep(Duration::from_millis(600)).await;
        storage.take().is_empty() && !storage.is_asked()
    })
    .await;
}

#[tokio::test]
async fn an_exchange_asks_storage_three_times() {
    if through_host() {
        return;
    }
    let (rig, storage) = counted().await;
    // The first sign-in leases; rows of its own are made.
    Person::new(&rig, "writer").tokens().await;
    let code = Person::new(&rig, "writer").auth_code().await;
    settle(&storage).await;
    let lease = rig.http.get(rig.url("/auth/info")).send().await.unwrap();
    assert_eq!(lease.status(), 200);
    storage.take();
    // The sweep behind the answer is kept from being counted as before it.
    let request = rig
        .http
        .post(rig.url("/auth/exchange"))
        .json(&json!({"auth_code": code}));
    let (status, tokens) = rig.ask(request).await;
    let asked = storage.take();
    assert_eq!(status, 200, "{tokens}");
    let before: Vec<_> = asked
        .iter()
        .filter(|asked| !behind_the_answer(asked))
        .collect();
    assert_eq!(
        before,
        [
            "get entradagrants",
            "replace entradagrants",
            "batch entradaaudit"
        ],
        "{asked:?}"
    );
    println!("round trips: exchange {}", before.len());
}

/// The sweep of a person's partition: a query first. Nothing of an exchange
/// queries.
fn behind_the_answer(asked: &str) -> bool {
    ["query entradagrants", "batch entradagrants"].contains(&asked)
}

#[tokio::test]
async fn the_sweep_of_an_exchange_keeps_nobody_waiting() {
    if through_host() {
        return;
    }
    let (rig, storage) = counted().await;
    let code = Person::new(&rig, "writer").auth_code().await;
    settle(&storage).await;
    let exchange = rig
        .http
        .post(rig.url("/auth/exchange"))
        .json(&json!({"auth_code": code}));
    // No query is answered while it is under way.
    storage.stall_queries();
    let (status, _) = tokio::time::timeout(LONGEST, rig.ask(exchange))
        .await
        .unwrap();
    assert_eq!(status, 200);
    let asked = storage.take();
    assert!(
        asked.contains(&"query entradagrants".to_owned()),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_read_asks_storage_nothing_before_its_answer() {
    if through_host() {
        return;
    }
    let (rig, storage) = counted().await;
    // One of our own tokens: nothing but its key is asked.
    let tokens = Person::new(&rig, "reader").tokens().await;
    let own = tokens["access_token"].as_str().unwrap();
    for token in [own, &rig.token("reader")] {
        let weather = json!({"name": "get_weather", "arguments": {"city": "Lisbon"}});
        // Takes the lease, and keeps the tenant's alerts.
        call(&rig, token, "tools/call", weather.clone()).await;
        call(&rig, token, "tools/call", weather.clone()).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        storage.take();
        // Storage answers nothing: whatever waited for it would never end.
        storage.stall();
        let asking = async {
            call(&rig, token, "tools/call", weather).await;
            let whoami = json!({"name": "whoami", "arguments": {}});
            call(&rig, token, "tools/call", whoami).await;
            call(&rig, token, "tools/list", json!({})).await;
        };
        tokio::time::timeout(LONGEST, asking)
            .await
            .expect("a read waits for storage");
        storage.go_on();
        tokio::time::sleep(Duration::from_millis(700)).await;
        // Behind the answers: the log's batch, and the next lease.
        let asked = storage.take();
        let behind = ["batch entradaaudit", "replace entradalimits"];
        assert!(
            asked.iter().all(|asked| behind.contains(&asked.as_str())),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn a_turn_of_chat_asks_storage_four_times_and_once_in_two_seconds() {
    if through_host() {
        return;
    }
    let (rig, storage) = counted().await;
    let reader = rig.token("reader");
    let session = async |agent: &str| {
        let (status, answer) = rig
            .post("/api/sessions", &reader, &json!({"agent_id": agent}))
            .await;
        assert_eq!(status, 201, "{answer}");
        answer["session"]["id"].as_str().unwrap().to_owned()
    };
    let turn = async |session: &str, events: bool| {
        let request = rig.http.post(rig.url("/api/chat")).bearer_auth(&reader);
        let request = if events {
            request.header("accept", "text/event-stream")
        } else {
            request
        };
        let said = json!({"session_id": session, "content": "Hello"});
        let answer = request.json(&said).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    };
    // How often storage is asked in a turn, and how often it may be.
    let asked_in = async |session: &str, events: bool| {
        settle(&storage).await;
        rig.get("/api/auth/me", &reader).await;
        storage.take();
        let clock = SystemClock::new();
        turn(session, events).await;
        let seconds = clock.monotonic().as_secs();
        tokio::time::sleep(Duration::from_millis(700)).await;
        let asked = storage.take();
        println!("round trips: turn of chat of {seconds} s {asked:?}");
        let allowed = 4 + seconds / 2;
        assert!(asked.len() as u64 <= allowed, "{seconds} s: {asked:?}");
        seconds
    };
    let assistant = session("assistant").await;
    // Gets the token on behalf of the person, and the lease.
    turn(&assistant, false).await;
    for events in [false, true] {
        asked_in(&assistant, events).await;
    }
    // 20 words, one each quarter of a second: five seconds of stream.
    let slow = session("slow").await;
    let seconds = asked_in(&slow, true).await;
    assert!(seconds >= 4, "{seconds}");
}
