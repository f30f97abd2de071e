use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entrada_tables::{Condition, Row, Tables};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::message::row_key;
use super::super::{ChatLimits, TABLE};
use super::foundry::{Reply, created, delta, ended, says};
use super::{Place, Read, Reader, id, limits, names, text};
use crate::downstream::testing::{ALICE, BOB, HOME};
use crate::identity::UserPartition;

/// Comes back after an event, to the instance at `base`.
pub(super) async fn come_back(
    place: &Place,
    base: &str,
    session: &str,
    after: &Read,
) -> reqwest::Response {
    come_back_as(place, &place.token, base, session, &after.id).await
}

async fn come_back_as(
    place: &Place,
    token: &str,
    base: &str,
    session: &str,
    after: &str,
) -> reqwest::Response {
    place
        .world
        .http
        .post(format!("{base}/api/chat"))
        .bearer_auth(token)
        .header("accept", "text/event-stream")
        .header("last-event-id", after)
        .json(&json!({"session_id": session, "content": "hello"}))
        .send()
        .await
        .unwrap()
}

/// A session with an answer that broke off after its first word, and what its
/// client was told.
pub(super) async fn broken_off(place: &Place) -> (String, Vec<Read>) {
    let session = place.new_session().await;
    place
        .agents
        .reply(Reply::Broken(vec![created("resp_1"), delta(1, "one ")]));
    let events = Reader::new(place.say_streaming(&session, "hello").await)
        .rest()
        .await;
    (session, events)
}

#[tokio::test]
async fn a_finished_answer_is_told_from_any_event_on_without_asking_the_agent() {
    let place = Place::new().await;
    let session = place.new_session().await;
    place
        .agents
        .reply(says("resp_1", &["one ", "two ", "three"]));
    let events = Reader::new(place.say_streaming(&session, "hello").await)
        .rest()
        .await;
    let another = place.another().await;
    for heard in 0..events.len() {
        let response = come_back(&place, &another, &session, &events[heard]).await;
        let rest = Reader::new(response).rest().await;
        let whole = format!("{}{}", text(&events[..=heard]), text(&rest));
        assert_eq!(whole, "one two three", "after event {heard}");
        assert_eq!(rest.last().unwrap().name, "message.completed");
        assert_eq!(rest.last().unwrap().data, events[3].data);
    }
    assert_eq!(place.agents.arrived().len(), 1);
    assert_eq!(place.messages(&session).await.len(), 2);
}

#[tokio::test]
async fn an_answer_that_another_instance_reads_is_followed() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "one ")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    let first = reader.next().await.unwrap();
    drop(reader);
    place
        .until(&session, |last| last["status"] == "in_progress")
        .await;
    let another = place.another().await;
    let mut reader = Reader::new(come_back(&place, &another, &session, &first).await);
    live.send(delta(2, "two ")).unwrap();
    let second = reader.next().await.unwrap();
    assert_eq!(second.data["text"], "two ");
    live.send(delta(3, "three")).unwrap();
    live.send(ended(4, "resp_1", "completed")).unwrap();
    let rest = reader.rest().await;
    assert_eq!(text(&rest), "three");
    assert_eq!(
        rest.last().unwrap().data["message"]["content"],
        "one two three"
    );
    assert_eq!(place.agents.arrived().len(), 1);
}

#[tokio::test]
async fn while_nobody_knows_who_was_cut_off_nobody_is_called_cut_off() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "one ")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    let first = reader.next().await.unwrap();
    place
        .until(&session, |last| last["status"] == "in_progress")
        .await;
    let reader = Reader::new(come_back(&place, &place.base, &session, &first).await);
    place.world.clock.advance(Duration::from_secs(61));
    let rest = reader.rest().await;
    assert_eq!(names(&rest), ["error"]);
    assert_eq!(rest[0].data["code"], "STORAGE_UNAVAILABLE");
}

#[tokio::test]
async fn an_answer_whose_instance_died_is_read_on_from_the_agent() {
    let mut place = Place::new().await;
    let instance = place.mortal().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "one ")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    let first = reader.next().await.unwrap();
    place
        .until(&session, |last| last["content"] == "one ")
        .await;
    instance.shutdown_background();
    place.world.advance(61).await;
    let another = place.another().await;
    place.base.clone_from(&another);
    place.agents.reply(Reply::Events(vec![
        delta(2, "two "),
        delta(3, "three"),
        ended(4, "resp_1", "completed"),
    ]));
    let response = come_back(&place, &another, &session, &first).await;
    let rest = Reader::new(response).rest().await;
    assert_eq!(text(&rest), "two three");
    let message = &rest.last().unwrap().data["message"];
    assert_eq!(message["content"], "one two three");
    assert_eq!(message["status"], "completed");
    let resumed = place.agents.arrived().pop().unwrap();
    assert!(resumed.target.starts_with("GET "), "{}", resumed.target);
    assert!(resumed.target.contains("resp_1") && resumed.target.contains("starting_after=1"));
    assert_eq!(place.messages(&session).await.pop().unwrap(), *message);
}

#[tokio::test]
async fn an_answer_is_gone_on_with_before_anything_of_it_was_stored() {
    let late = || ChatLimits {
        save_every: Duration::from_secs(2),
        ..limits()
    };
    // Its instance lives, and dies.
    let place = Place::with(late()).await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "one ")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    let first = reader.next().await.unwrap();
    drop(reader);
    let another = place.another().await;
    let following = Reader::new(come_back(&place, &another, &session, &first).await);
    live.send(delta(2, "two")).unwrap();
    live.send(ended(3, "resp_1", "completed")).unwrap();
    assert_eq!(text(&following.rest().await), "two");

    let mut place = Place::with(late()).await;
    let instance = place.mortal_within(late()).await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "one ")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    let first = reader.next().await.unwrap();
    instance.shutdown_background();
    place.world.advance(61).await;
    let another = place.another().await;
    place.base.clone_from(&another);
    assert_eq!(place.messages(&session).await.len(), 1);
    place.agents.reply(Reply::Events(vec![
        delta(1, "one "),
        delta(2, "two"),
        ended(3, "resp_1", "completed"),
    ]));
    let response = come_back(&place, &another, &session, &first).await;
    let rest = Reader::new(response).rest().await;
    assert_eq!(text(&rest), "two");
    assert_eq!(rest.last().unwrap().data["message"]["content"], "one two");
    let resumed = place.agents.arrived().pop().unwrap();
    assert!(
        resumed.target.contains("starting_after=0"),
        "{}",
        resumed.target
    );
    assert_eq!(place.messages(&session).await[1]["content"], "one two");
}

#[tokio::test]
async fn an_answer_that_our_own_bounds_ended_is_read_on_when_its_client_is_back() {
    let none = ChatLimits {
        background_turns: 0,
        ..limits()
    };
    let brief = ChatLimits {
        background: Duration::from_millis(50),
        ..limits()
    };
    for bounds in [none, brief] {
        let place = Place::with(bounds).await;
        let session = place.new_session().await;
        let live = place.agents.reply_live();
        live.send(created("resp_1")).unwrap();
        live.send(delta(1, "half")).unwrap();
        let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
        let first = reader.next().await.unwrap();
        drop(reader);
        let last = place
            .until(&session, |last| last["status"] == "incomplete")
            .await;
        assert_eq!(last["metadata"]["reason"], "interrupted");
        assert_eq!(last["content"], "half");
        place.agents.reply(Reply::Events(vec![
            delta(2, " and half"),
            ended(3, "resp_1", "completed"),
        ]));
        let response = come_back(&place, &place.base, &session, &first).await;
        let rest = Reader::new(response).rest().await;
        assert_eq!(names(&rest), ["message.delta", "message.completed"]);
        assert_eq!(rest[1].data["message"]["content"], "half and half");
    }
}

#[tokio::test]
async fn an_instance_whose_lease_ran_out_writes_nothing_more() {
    let place = Place::with(ChatLimits {
        save_every: Duration::from_millis(200),
        ..limits()
    })
    .await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "one ")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "hello").await);
    reader.next().await.unwrap();
    place
        .until(&session, |last| last["content"] == "one ")
        .await;
    // Right after a write, so another turn begins long before the next one.
    place.world.advance(61).await;
    place.agents.reply(says("resp_2", &["another"]));
    assert_eq!(place.say(&session, "hello?").await.0, 200);
    live.send(delta(2, "nonsense")).unwrap();
    let rest = reader.rest().await;
    assert_eq!(rest.last().unwrap().name, "error");
    let messages = place.messages(&session).await;
    assert_eq!(messages.len(), 4);
    assert_eq!(messages[1]["content"], "one ");
    assert_eq!(messages[1]["status"], "incomplete");
    assert_eq!(messages[3]["content"], "another");
}

#[tokio::test]
async fn a_client_that_was_ahead_of_storage_hears_nothing_twice() {
    let place = Place::new().await;
    let session = place.new_session().await;
    place.agents.reply(Reply::Broken(vec![
        created("resp_1"),
        delta(1, "one "),
        delta(2, "two "),
    ]));
    let events = Reader::new(place.say_streaming(&session, "hello").await)
        .rest()
        .await;
    assert_eq!(names(&events), ["message.delta", "message.delta", "error"]);
    // As it is when an instance is stopped before its next write.
    let partition = UserPartition::of(HOME, ALICE);
    let behind = Row::new(partition.as_str(), row_key(id(&session), 1))
        .with_long_text("content", "one ")
        .with("sequence", 1_i64);
    let tables = &place.world.tables;
    tables
        .merge(TABLE, &behind, &Condition::Exists)
        .await
        .unwrap();
    place.agents.reply(Reply::Events(vec![
        delta(2, "two "),
        delta(3, "three"),
        ended(4, "resp_1", "completed"),
    ]));
    let response = come_back(&place, &place.base, &session, &events[1]).await;
    let rest = Reader::new(response).rest().await;
    assert_eq!(text(&rest), "three");
    let message = &rest.last().unwrap().data["message"];
    assert_eq!(message["content"], "one two three");
}

#[tokio::test]
async fn an_answer_that_the_agent_does_not_have_any_more_stays_incomplete() {
    let place = Place::new().await;
    let (session, events) = broken_off(&place).await;
    place
        .agents
        .reply(Reply::Status(404, Vec::new(), json!({})));
    let response = come_back(&place, &place.base, &session, &events[0]).await;
    let rest = Reader::new(response).rest().await;
    assert_eq!(names(&rest), ["error"]);
    // Nobody asks a second time.
    let response = come_back(&place, &place.base, &session, &events[0]).await;
    let rest = Reader::new(response).rest().await;
    assert_eq!(names(&rest), ["message.completed"]);
    assert_eq!(rest[0].data["message"]["status"], "incomplete");
    place.agents.reply(says("resp_2", &["hi"]));
    assert_eq!(place.say(&session, "hello").await.0, 200);
}

/// A claims challenge of continuous access evaluation.
fn challenge() -> Reply {
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    let header = format!(
        "Bearer error=\"insufficient_claims\", claims=\"{}\"",
        STANDARD.encode(claims)
    );
    Reply::Status(401, vec![("www-authenticate", header)], json!({}))
}

#[tokio::test]
async fn a_failure_that_passes_leaves_an_answer_to_be_gone_on_with() {
    let place = Place::new().await;
    let (session, events) = broken_off(&place).await;
    let later = vec![("retry-after", "60".to_owned())];
    for (reply, code) in [
        (Reply::Status(429, later, json!({})), "AGENT_BUSY"),
        (
            Reply::Status(401, Vec::new(), json!({})),
            "AGENT_REFUSED_TOKEN",
        ),
    ] {
        place.agents.reply(reply);
        let response = come_back(&place, &place.base, &session, &events[0]).await;
        let rest = Reader::new(response).rest().await;
        assert_eq!(names(&rest), ["error"]);
        assert_eq!(rest[0].data["code"], code);
        let last = place.messages(&session).await.pop().unwrap();
        assert_eq!(last["metadata"]["reason"], "interrupted");
    }
    place.agents.reply(Reply::Events(vec![
        delta(2, "two"),
        ended(3, "resp_1", "completed"),
    ]));
    let response = come_back(&place, &place.base, &session, &events[0]).await;
    let rest = Reader::new(response).rest().await;
    assert_eq!(names(&rest), ["message.delta", "message.completed"]);
    assert_eq!(rest[1].data["message"]["content"], "one two");
}

#[tokio::test]
async fn what_entra_wants_before_an_answer_goes_on_comes_with_its_link() {
    let mut place = Place::new().await;
    place.token = place.world.own_token(ALICE, Uuid::from_u128(0x9001)).await;
    let (session, events) = broken_off(&place).await;
    place.agents.reply(challenge());
    let wants = json!({"error": "interaction_required", "error_codes": [50076], "claims": "{}"});
    place.world.authority.refuse(400, wants);
    let response = come_back(&place, &place.base, &session, &events[0]).await;
    let rest = Reader::new(response).rest().await;
    assert_eq!(names(&rest), ["consent.required", "error"]);
    let link = rest[0].data["link"].as_str().unwrap();
    assert!(link.contains("/auth/step-up/"), "{link}");
    assert_eq!(rest[1].data["code"], "INTERACTION_REQUIRED");
    // Once it is done, Entra gives a token that meets the challenge.
    place.world.advance(11).await;
    place.agents.reply(challenge());
    place.agents.reply(Reply::Events(vec![
        delta(2, "two"),
        ended(3, "resp_1", "completed"),
    ]));
    let response = come_back(&place, &place.base, &session, &rest[1]).await;
    let rest = Reader::new(response).rest().await;
    assert_eq!(text(&rest), "two");
    assert_eq!(rest.last().unwrap().name, "message.completed");
}

fn approval(sequence: u64) -> Value {
    json!({"type": "response.output_item.done", "sequence_number": sequence, "item": {
        "type": "mcp_approval_request", "id": "mcpr_1", "server_label": "github",
        "name": "delete_issue", "arguments": "{}"}})
}

#[tokio::test]
async fn what_was_asked_before_an_answer_is_read_on_is_told_and_noted_once() {
    for repeats in [false, true] {
        let place = Place::new().await;
        let session = place.new_session().await;
        place.agents.reply(Reply::Broken(vec![
            created("resp_1"),
            delta(1, "May I?"),
            approval(2),
        ]));
        let events = Reader::new(place.say_streaming(&session, "delete it").await)
            .rest()
            .await;
        let mut last = ended(3, "resp_1", "completed");
        if repeats {
            last["response"]["output"] = json!([approval(2)["item"]]);
        }
        place.agents.reply(Reply::Events(vec![last]));
        let another = place.another().await;
        let response = come_back(&place, &another, &session, &events[0]).await;
        let rest = Reader::new(response).rest().await;
        assert_eq!(names(&rest), ["approval.required", "message.completed"]);
        let partition = UserPartition::of(HOME, ALICE);
        let stored = place.chat.store.find(&partition, id(&session)).await;
        assert_eq!(stored.unwrap().unwrap().approvals, ["mcpr_1"]);
    }
}

#[tokio::test]
async fn what_was_asked_is_told_to_who_follows_an_answer() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "May I?")).unwrap();
    let mut reader = Reader::new(place.say_streaming(&session, "delete it").await);
    let first = reader.next().await.unwrap();
    place
        .until(&session, |last| last["status"] == "in_progress")
        .await;
    let another = place.another().await;
    let mut following = Reader::new(come_back(&place, &another, &session, &first).await);
    live.send(approval(2)).unwrap();
    assert_eq!(following.next().await.unwrap().name, "approval.required");
    live.send(ended(3, "resp_1", "completed")).unwrap();
    assert_eq!(names(&following.rest().await), ["message.completed"]);
}

#[tokio::test]
async fn what_was_asked_is_asked_again_when_the_client_is_back() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let link = "https://logic-1.consent.azure-apihub.net/login?data=secret";
    place.agents.reply(Reply::Events(vec![
        created("resp_1"),
        delta(1, "First: "),
        json!({"type": "response.output_item.done", "sequence_number": 2, "item": {
            "type": "oauth_consent_request", "id": "oauthreq_1", "server_label": "github",
            "consent_link": link}}),
        ended(3, "resp_1", "completed"),
    ]));
    let events = Reader::new(place.say_streaming(&session, "list").await)
        .rest()
        .await;
    let another = place.another().await;
    let response = come_back(&place, &another, &session, &events[0]).await;
    let rest = Reader::new(response).rest().await;
    assert_eq!(names(&rest), ["consent.required", "message.completed"]);
    assert_eq!(rest[0].data["link"], link);
}

#[tokio::test]
async fn an_event_id_resumes_its_own_session_alone() {
    let place = Place::new().await;
    let (mine, other) = (place.new_session().await, place.new_session().await);
    place.agents.reply(says("resp_1", &["one"]));
    let events = Reader::new(place.say_streaming(&mine, "hello").await)
        .rest()
        .await;
    let event = events[0].id.as_str();
    let bob = place.world.entra_token(HOME, BOB);
    for (token, session, after) in [
        (&place.token, &other, event),
        (&place.token, &mine, "garbage"),
        (&bob, &mine, event),
    ] {
        let response = come_back_as(&place, token, &place.base, session, after).await;
        assert_eq!(response.status(), 400);
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(body["code"], "INVALID_EVENT_ID");
    }
    assert_eq!(place.agents.arrived().len(), 1);
}
