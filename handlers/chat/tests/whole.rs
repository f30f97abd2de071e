//! Going on with answers that the agents' service does not stream again.

use serde_json::json;

use super::foundry::{Reply, says};
use super::resuming::{broken_off, come_back};
use super::{Place, Read, Reader, names, text};

/// The refusal of a service that does not stream the response again.
fn not_streamed() -> Reply {
    let message = "Streaming is not enabled for this response.";
    let refused = json!({"error": {"code": "invalid_value", "message": message}});
    Reply::Status(400, Vec::new(), refused)
}

/// A response as a whole.
fn whole(status: &str, text: &str) -> Reply {
    let content = json!([{"type": "output_text", "text": text, "annotations": []}]);
    let item = json!({"type": "message", "id": "msg_1", "role": "assistant", "content": content});
    let response = json!({"id": "resp_1", "status": status, "output": [item],
        "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}});
    Reply::Status(200, Vec::new(), response)
}

/// What a client is told that comes back after `last`, when the service has
/// the response only like this.
async fn told_after(place: &Place, session: &str, last: &Read, response: Reply) -> Vec<Read> {
    place.agents.reply(not_streamed());
    place.agents.reply(response);
    let response = come_back(place, &place.base, session, last).await;
    Reader::new(response).rest().await
}

#[tokio::test]
async fn an_answer_that_is_not_streamed_again_is_read_as_a_whole_once_it_has_ended() {
    let place = Place::new().await;
    let (session, events) = broken_off(&place).await;
    let unfinished = whole("in_progress", "one");
    let rest = told_after(&place, &session, &events[0], unfinished).await;
    assert_eq!(names(&rest), ["error"]);
    assert_eq!(rest[0].data["code"], "AGENT_NOT_DONE");
    let completed = whole("completed", "one two three");
    let rest = told_after(&place, &session, &rest[0], completed).await;
    assert_eq!(names(&rest), ["message.delta", "message.completed"]);
    assert_eq!(text(&rest), "two three");
    let message = &rest[1].data["message"];
    assert_eq!(message["content"], "one two three");
    assert_eq!(message["status"], "completed");
    // The next turn follows it up.
    place.agents.reply(says("resp_2", &["hi"]));
    assert_eq!(place.say(&session, "hello").await.0, 200);
    let next = place.agents.arrived().pop().unwrap().json();
    assert_eq!(next["previous_response_id"], "resp_1");
}

#[tokio::test]
async fn a_whole_answer_that_goes_another_way_is_the_one_that_counts() {
    let place = Place::new().await;
    let (session, events) = broken_off(&place).await;
    let completed = whole("completed", "another");
    let rest = told_after(&place, &session, &events[0], completed).await;
    assert_eq!(names(&rest), ["message.completed"]);
    assert_eq!(rest[0].data["message"]["content"], "another");
    assert_eq!(place.messages(&session).await[1]["content"], "another");
}
