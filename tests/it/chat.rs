//! Chat with agents, as the signed-in person, through a stand-in for Foundry.

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::rig::{Person, Rig};

/// One server-sent event: its name and data.
type Event = (String, Value);

async fn new_session(rig: &Rig, token: &str, agent: &str) -> String {
    let (status, answer) = rig
        .post("/api/sessions", token, &json!({"agent_id": agent}))
        .await;
    assert_eq!(status, 201, "{answer}");
    answer["session"]["id"].as_str().unwrap().to_owned()
}

/// A streamed turn: every event until the stream ends.
async fn stream(rig: &Rig, token: &str, session: &str, content: &str) -> Vec<Event> {
    events(&stream_after(rig, token, session, content, None).await)
}

/// The same as text; with the id of an event what comes after it.
async fn stream_after(
    rig: &Rig,
    token: &str,
    session: &str,
    content: &str,
    last_event_id: Option<&str>,
) -> String {
    let mut request = rig
        .http
        .post(rig.url("/api/chat"))
        .bearer_auth(token)
        .header("accept", "text/event-stream")
        .json(&json!({"session_id": session, "content": content}));
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    text
}

fn events(text: &str) -> Vec<Event> {
    text.split("\n\n")
        .filter_map(|block| {
            let field = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(&format!("{name}: ")))
            };
            Some((
                field("event")?.to_owned(),
                serde_json::from_str(field("data")?).unwrap(),
            ))
        })
        .collect()
}

fn text_of(events: &[Event]) -> String {
    events
        .iter()
        .filter(|(name, _)| name == "message.delta")
        .map(|(_, data)| data["text"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_streamed_answer_is_listed_after_a_restart_and_nobody_elses() {
    let mut rig = Rig::start().await;
    let reader = rig.token("reader");
    let session = new_session(&rig, &reader, "assistant").await;
    let events = stream(&rig, &reader, &session, "Who am I?").await;
    assert!(events.len() > 3, "it came in pieces: {events:?}");
    let (name, completed) = events.last().unwrap();
    assert_eq!(name, "message.completed");
    assert_eq!(completed["message"]["content"], text_of(&events));
    // The agent was called as the person, not as the application.
    assert!(
        text_of(&events).contains("Rita Reader"),
        "{}",
        text_of(&events)
    );
    rig.restart().await;
    let (status, answer) = rig.get(&format!("/api/sessions/{session}"), &reader).await;
    assert_eq!(status, 200);
    let messages = answer["messages"].as_array().unwrap();
    let seen: Vec<_> = messages
        .iter()
        .map(|message| {
            (
                message["role"].as_str().unwrap(),
                message["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(seen, [("user", "completed"), ("assistant", "completed")]);
    assert_eq!(messages[1]["content"], completed["message"]["content"]);
    let writer = rig.token("writer");
    for request in [
        rig.http.get(rig.url(&format!("/api/sessions/{session}"))),
        rig.http
            .delete(rig.url(&format!("/api/sessions/{session}"))),
        rig.http
            .patch(rig.url(&format!("/api/sessions/{session}")))
            .json(&json!({"title": "mine"})),
        rig.http
            .post(rig.url("/api/chat"))
            .json(&json!({"session_id": session, "content": "hello"})),
    ] {
        let (status, error) = rig.ask(request.bearer_auth(&writer)).await;
        assert_eq!(
            (status, error["code"].as_str()),
            (404, Some("SESSION_NOT_FOUND"))
        );
    }
}

#[tokio::test]
async fn a_signed_in_person_chats_with_entradas_own_token() {
    let rig = Rig::start().await;
    let tokens = Person::new(&rig, "writer").tokens().await;
    let access = tokens["access_token"].as_str().unwrap();
    let session = new_session(&rig, access, "assistant").await;
    let body = json!({"session_id": session, "content": "Who am I?"});
    let (status, answer) = rig.post("/api/chat", access, &body).await;
    assert_eq!(status, 200, "{answer}");
    let message = &answer["message"];
    assert_eq!(
        (message["role"].as_str(), message["status"].as_str()),
        (Some("assistant"), Some("completed"))
    );
    assert!(
        message["content"]
            .as_str()
            .unwrap()
            .contains("Walter Writer")
    );
}

#[tokio::test]
async fn agents_are_those_that_the_policy_gives() {
    let rig = Rig::start().await;
    let (_, answer) = rig.get("/api/agents", &rig.token("reader")).await;
    let ids: Vec<_> = answer["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["id"].as_str().unwrap())
        .collect();
    assert!(ids.contains(&"assistant") && !ids.contains(&"hidden"));
    assert_eq!(answer["count"].as_u64().unwrap(), ids.len() as u64);
    let (_, answer) = rig.get("/api/agents", &rig.token("norole")).await;
    assert_eq!(answer["count"], 0);
    let mut answers = Vec::new();
    for id in ["hidden", "nosuch"] {
        let (status, error) = rig
            .get(&format!("/api/agents/{id}"), &rig.token("reader"))
            .await;
        answers.push((status, error["code"].clone(), error["detail"].clone()));
        let (status, error) = rig
            .post(
                "/api/sessions",
                &rig.token("reader"),
                &json!({"agent_id": id}),
            )
            .await;
        answers.push((status, error["code"].clone(), error["detail"].clone()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].0, 404);
}

#[tokio::test]
async fn sessions_are_listed_newest_first_renamed_and_deleted() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(new_session(&rig, &reader, "assistant").await);
    }
    made.reverse();
    let (_, first) = rig.get("/api/sessions?limit=3", &reader).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) = rig
        .get(&format!("/api/sessions?limit=3&cursor={cursor}"), &reader)
        .await;
    let listed: Vec<_> = [first, second]
        .iter()
        .flat_map(|page| page["sessions"].as_array().unwrap().clone())
        .map(|session| session["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, made);
    let path = format!("/api/sessions/{}", made[0]);
    let rename = rig
        .http
        .patch(rig.url(&path))
        .bearer_auth(&reader)
        .json(&json!({"title": "Ünïcode 'quoted'"}));
    let (status, answer) = rig.ask(rename).await;
    assert_eq!(
        (status, answer["session"]["title"].as_str()),
        (200, Some("Ünïcode 'quoted'"))
    );
    let delete = rig.http.delete(rig.url(&path)).bearer_auth(&reader);
    assert_eq!(delete.send().await.unwrap().status().as_u16(), 204);
    let (status, _) = rig.get(&path, &reader).await;
    assert_eq!(status, 404);
    let (_, answer) = rig.get("/api/sessions", &rig.token("writer")).await;
    assert_eq!(answer["sessions"], json!([]));
}

#[tokio::test]
async fn people_of_other_tenants_are_not_served_by_the_agents() {
    let rig = Rig::with(&[("ENTRADA_TENANTS", "fab21ca0-0000-4000-8000-000000000002")]).await;
    let guest = rig.token("guest");
    let (status, error) = rig
        .post("/api/sessions", &guest, &json!({"agent_id": "assistant"}))
        .await;
    assert_eq!(
        (status, error["code"].as_str()),
        (403, Some("TENANT_NOT_SERVED"))
    );
}

#[tokio::test]
async fn bad_chat_input_is_refused() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    let session = new_session(&rig, &reader, "assistant").await;
    for content in [String::new(), "x".repeat(32_001)] {
        let body = json!({"session_id": session, "content": content});
        let (status, error) = rig.post("/api/chat", &reader, &body).await;
        assert!((400..=422).contains(&status), "{error}");
        assert!(error["code"].is_string());
    }
    let body = json!({"session_id": "not-an-id", "content": "x"});
    let (status, _) = rig.post("/api/chat", &reader, &body).await;
    assert!(status == 404 || status == 422 || status == 400);
}

#[tokio::test]
async fn tools_approvals_consents_and_failures_are_events() {
    let rig = Rig::with(&[("ENTRADA_CONSENT_HOSTS", "localhost")]).await;
    let reader = rig.token("reader");
    for (agent, expected) in [
        ("researcher", "tool.completed"),
        ("approver", "approval.required"),
        ("consenter", "consent.required"),
        ("failing", "error"),
        ("breaker", "error"),
    ] {
        let session = new_session(&rig, &reader, agent).await;
        let events = stream(&rig, &reader, &session, "Go.").await;
        let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&expected), "{agent}: {names:?}");
        if agent == "breaker" {
            let (_, answer) = rig.get(&format!("/api/sessions/{session}"), &reader).await;
            let last = answer["messages"]
                .as_array()
                .unwrap()
                .last()
                .unwrap()
                .clone();
            assert_eq!(last["status"], "incomplete");
            assert_eq!(last["content"], text_of(&events));
        }
    }
}

#[tokio::test]
async fn an_answer_that_broke_off_is_gone_on_with_by_another_process() {
    let mut rig = Rig::start().await;
    let reader = rig.token("reader");
    let session = new_session(&rig, &reader, "breaker").await;
    let told = stream_after(&rig, &reader, &session, "one two three four", None).await;
    let heard = text_of(&events(&told));
    assert!(!heard.contains("four"), "{told}");
    let last = told
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("id: "))
        .unwrap();
    rig.restart().await;
    let again = stream_after(&rig, &reader, &session, "one two three four", Some(last)).await;
    let again = events(&again);
    let (name, completed) = again.last().unwrap();
    assert_eq!(name, "message.completed", "{again:?}");
    let whole = completed["message"]["content"].as_str().unwrap();
    assert_eq!(whole, format!("{heard}{}", text_of(&again)));
    assert!(whole.ends_with("one two three four"), "{whole}");
    let (_, answer) = rig.get(&format!("/api/sessions/{session}"), &reader).await;
    let messages = answer["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1]["content"], whole);
}
