//! Answers that go on without a connection, and have to be ended.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::super::{ChatLimits, Question};
use super::foundry::{created, delta, says};
use super::{Place, Reader, limits};

/// A session with an answer under way, and its client.
async fn under_way(place: &Place) -> (String, Reader) {
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "half")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    reader.next().await.unwrap();
    // The agent says nothing more, and does not end either.
    std::mem::forget(live);
    (session, reader)
}

const CANCELLED: &str = "/agents/assistant/endpoint/protocols/openai/responses/resp_1/cancel";

#[tokio::test]
async fn an_answer_that_takes_too_long_is_ended() {
    let place = Place::with(ChatLimits {
        turn: Duration::from_millis(200),
        ..limits()
    })
    .await;
    let (_, reader) = under_way(&place).await;
    reader.rest().await;
    assert!(place.agents.cancelled().await.contains(CANCELLED));
}

#[tokio::test]
async fn an_answer_for_who_is_cut_off_is_ended() {
    let place = Place::new().await;
    let (_, reader) = under_way(&place).await;
    place.cut_off().await;
    reader.rest().await;
    assert!(place.agents.cancelled().await.contains(CANCELLED));
}

#[tokio::test]
async fn an_answer_of_a_session_that_was_deleted_is_ended() {
    let place = Place::new().await;
    let (session, reader) = under_way(&place).await;
    let path = format!("/api/sessions/{session}");
    assert_eq!(place.call("DELETE", &path, Value::Null).await.0, 204);
    // Its lease is renewed after a while, if nothing is there to be stored.
    place.world.advance(21).await;
    reader.rest().await;
    assert!(place.agents.cancelled().await.contains(CANCELLED));
}

#[tokio::test]
async fn an_answer_that_somebody_may_come_back_for_is_not_ended() {
    let place = Place::with(ChatLimits {
        background_turns: 0,
        ..limits()
    })
    .await;
    let (session, reader) = under_way(&place).await;
    drop(reader);
    let last = place
        .until(&session, |last| last["status"] == "incomplete")
        .await;
    assert_eq!(last["metadata"]["reason"], "interrupted");
    // The next turn's lease is not to be had before the first has let go.
    place.agents.reply(says("resp_2", &["hi"]));
    assert_eq!(place.say(&session, "hello").await.0, 200);
    let arrived = place.agents.arrived();
    assert!(
        arrived
            .iter()
            .all(|request| !request.target.contains("/cancel"))
    );
}

#[tokio::test]
async fn an_answer_that_nobody_can_come_back_for_ends_with_its_connection() {
    let place = Place::new().await;
    let caller = place.world.caller(&place.token).await;
    let question = Question {
        agent_id: "assistant".to_owned(),
        content: "hello".to_owned(),
        session_id: None,
        correlation_id: Uuid::from_u128(1),
    };
    place.agents.reply(says("resp_1", &["one"]));
    place.chat.ask(&caller, question, |_| {}).await.unwrap();
    let asked = place.agents.arrived().pop().unwrap().json();
    assert_eq!(asked.get("background"), None);
}
