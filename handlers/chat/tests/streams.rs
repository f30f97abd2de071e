use std::time::Duration;

use serde_json::{Value, json};

use super::foundry::{Reply, created, delta, ended, says};
use super::{Place, Reader, names, text};
use crate::chat::TABLE;

#[tokio::test]
async fn an_answer_is_streamed_in_events_with_ids() {
    let place = Place::new().await;
    let session = place.new_session().await;
    place.agents.reply(says("resp_1", &["Good ", "day."]));
    let response = place.say_streaming(&session, "hello").await;
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-accel-buffering"), "no");
    let events = Reader::new(response).rest().await;
    let expected = ["message.delta", "message.delta", "message.completed"];
    assert_eq!(names(&events), expected);
    assert_eq!(text(&events), "Good day.");
    let message = &events[2].data["message"];
    assert_eq!(
        (&message["status"], &message["content"]),
        (&json!("completed"), &json!("Good day."))
    );
    assert_eq!(place.messages(&session).await[1], *message);
    assert!(events.iter().all(|event| event.id.len() > 40));
    assert!(events.iter().all(|event| !event.id.contains("resp_1")));
}

#[tokio::test]
async fn tool_calls_are_told_as_they_begin_and_end() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let item = json!({"type": "mcp_call", "id": "mcp_1", "name": "search", "server_label": "github",
        "status": "completed"});
    place.agents.reply(Reply::Events(vec![
        created("resp_1"),
        json!({"type": "response.output_item.added", "sequence_number": 1, "item": item}),
        json!({"type": "response.mcp_call.completed", "sequence_number": 2, "item_id": "mcp_1"}),
        delta(3, "found"),
        ended(4, "resp_1", "completed"),
    ]));
    let events = Reader::new(place.say_streaming(&session, "look").await)
        .rest()
        .await;
    assert_eq!(
        names(&events),
        [
            "tool.started",
            "tool.completed",
            "message.delta",
            "message.completed"
        ]
    );
    assert_eq!(
        events[0].data,
        json!({"id": "mcp_1", "name": "search", "server_label": "github", "kind": "mcp"})
    );
    assert_eq!(events[1].data, json!({"id": "mcp_1", "failed": false}));
}

#[tokio::test]
async fn what_was_received_is_stored_while_the_answer_goes_on() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "the first half")).unwrap();
    let response = place.say_streaming(&session, "hello").await;
    let half = place
        .until(&session, |last| last["role"] == "assistant")
        .await;
    assert_eq!(half["status"], "in_progress");
    assert_eq!(half["content"], "the first half");
    live.send(delta(2, ", the second")).unwrap();
    live.send(ended(3, "resp_1", "completed")).unwrap();
    let events = Reader::new(response).rest().await;
    assert_eq!(text(&events), "the first half, the second");
    let whole = place.messages(&session).await.pop().unwrap();
    assert_eq!(whole["status"], "completed");
    assert_eq!(whole["id"], half["id"]);
}

#[tokio::test]
async fn a_stream_that_breaks_leaves_what_was_received_as_incomplete() {
    let place = Place::new().await;
    let session = place.new_session().await;
    place.agents.reply(Reply::Broken(vec![
        created("resp_1"),
        delta(1, "I was about"),
    ]));
    let events = Reader::new(place.say_streaming(&session, "hello").await)
        .rest()
        .await;
    assert_eq!(names(&events), ["message.delta", "error"]);
    assert_eq!(events[1].data["code"], "AGENT_INTERRUPTED");
    let last = place.messages(&session).await.pop().unwrap();
    assert_eq!(
        (&last["status"], &last["content"]),
        (&json!("incomplete"), &json!("I was about"))
    );
    place
        .agents
        .reply(Reply::Events(vec![created("resp_2"), delta(1, "again")]));
    let (status, body) = place.say(&session, "and now?").await;
    assert_eq!((status, &body["code"]), (502, &json!("AGENT_INTERRUPTED")));
    // The session is not blocked by either.
    place.agents.reply(says("resp_3", &["better"]));
    assert_eq!(place.say(&session, "hello").await.0, 200);
}

#[tokio::test]
async fn an_agent_may_be_silent_for_nearly_two_minutes() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "I look it up. ")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    reader.next().await.unwrap();
    // Time goes by at once while nobody does anything.
    tokio::time::pause();
    let silence = async {
        tokio::time::sleep(Duration::from_secs(110)).await;
        tokio::time::resume();
        live.send(delta(2, "Here.")).unwrap();
        live.send(ended(3, "resp_1", "completed")).unwrap();
    };
    let (rest, ()) = tokio::join!(reader.rest(), silence);
    assert_eq!(names(&rest), ["message.delta", "message.completed"]);
}

#[tokio::test]
async fn an_answer_is_read_to_its_end_after_its_client_went_away() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "half")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    reader.next().await.unwrap();
    drop(reader);
    tokio::time::sleep(Duration::from_millis(100)).await;
    live.send(delta(2, " and half")).unwrap();
    live.send(ended(3, "resp_1", "completed")).unwrap();
    let whole = place
        .until(&session, |last| last["status"] == "completed")
        .await;
    assert_eq!(whole["content"], "half and half");
    place.agents.reply(says("resp_2", &["hi"]));
    assert_eq!(place.say(&session, "back again").await.0, 200);
    assert_eq!(
        place.agents.arrived()[1].json()["previous_response_id"],
        "resp_1"
    );
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_agent_answers_leaves_nothing_locked() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    let request = place
        .request("POST", "/api/chat", &place.token)
        .timeout(Duration::from_millis(100))
        .json(&json!({"session_id": session, "content": "hello"}));
    assert!(request.send().await.unwrap_err().is_timeout());
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "late")).unwrap();
    live.send(ended(2, "resp_1", "completed")).unwrap();
    let last = place
        .until(&session, |last| {
            last["status"] == "completed" && last["role"] == "assistant"
        })
        .await;
    assert_eq!(last["content"], "late");
}

#[tokio::test]
async fn deleting_a_session_ends_its_turn_and_nothing_is_written_any_more() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "half")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    reader.next().await.unwrap();
    let path = format!("/api/sessions/{session}");
    assert_eq!(place.call("DELETE", &path, Value::Null).await.0, 204);
    live.send(delta(2, " more")).unwrap();
    let events = reader.rest().await;
    let last = events.last().unwrap();
    assert_eq!(
        (last.name.as_str(), &last.data["code"]),
        ("error", &json!("SESSION_NOT_FOUND"))
    );
    assert_eq!(place.rows().await, 0);
}

#[tokio::test]
async fn a_session_can_be_renamed_while_an_answer_is_written() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "half")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    reader.next().await.unwrap();
    let path = format!("/api/sessions/{session}");
    for title in ["one", "two", "three"] {
        let (status, _) = place.call("PATCH", &path, json!({"title": title})).await;
        assert_eq!(status, 200);
        live.send(delta(2, ".")).unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    live.send(ended(3, "resp_1", "completed")).unwrap();
    let events = reader.rest().await;
    assert_eq!(events.last().unwrap().name, "message.completed");
    let (_, body) = place.call("GET", &path, Value::Null).await;
    assert_eq!(body["session"]["title"], "three");
    assert_eq!(body["messages"][1]["content"], "half...");
}

#[tokio::test]
async fn an_answer_outlives_a_short_outage_of_storage() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "half")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    reader.next().await.unwrap();
    place.world.tables.lose(TABLE);
    tokio::time::sleep(Duration::from_millis(60)).await;
    live.send(delta(2, " more")).unwrap();
    live.send(ended(3, "resp_1", "completed")).unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    place.world.tables.recover();
    let events = reader.rest().await;
    assert_eq!(events.last().unwrap().name, "message.completed");
    let last = place.messages(&session).await.pop().unwrap();
    assert_eq!(
        (&last["status"], &last["content"]),
        (&json!("completed"), &json!("half more"))
    );
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_is_not_called_complete() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    let response = place.say_streaming(&session, "hello").await;
    place.world.tables.lose(TABLE);
    live.send(delta(1, "text")).unwrap();
    live.send(ended(2, "resp_1", "completed")).unwrap();
    let events = Reader::new(response).rest().await;
    assert_eq!(names(&events), ["message.delta", "error"]);
    assert_eq!(events[1].data["code"], "STORAGE_UNAVAILABLE");
}

#[tokio::test]
async fn who_is_cut_off_hears_no_more_of_an_answer() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "half")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    reader.next().await.unwrap();
    place.cut_off().await;
    let events = reader.rest().await;
    let last = events.last().unwrap();
    assert_eq!(
        (last.name.as_str(), &last.data["code"]),
        ("error", &json!("TOKEN_REVOKED"))
    );
    assert_eq!(place.say(&session, "hello").await.0, 401);
}
