use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::draft::Draft;
use super::super::ledger::Ledger;
use super::super::session::StoredSession;
use super::super::{ChatLimits, Question, TABLE};
use super::foundry::{Arrived, Reply, created, delta, ended, says};
use super::{Place, Reader, id, limits};
use crate::downstream::testing::{ALICE, Authority, BOB, HOME};
use crate::identity::UserPartition;

#[tokio::test]
async fn a_turn_is_answered_and_stored() {
    let place = Place::new().await;
    let session = place.new_session().await;
    place.agents.reply(says("resp_1", &["Good ", "day."]));
    let body = json!({"session_id": session, "content": "hello", "metadata": {"tab": 3}});
    let (status, body) = place.call("POST", "/api/chat", body).await;
    assert_eq!(status, 200, "{body}");
    let message = &body["message"];
    assert_eq!(message["role"], "assistant");
    assert_eq!(message["content"], "Good day.");
    assert_eq!(message["status"], "completed");
    assert_eq!(message["session_id"], json!(session));
    assert_eq!(message["metadata"]["usage"]["total_tokens"], 7);
    let messages = place.messages(&session).await;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0]["role"], "user");
    assert_eq!(messages[0]["content"], "hello");
    assert_eq!(messages[0]["status"], "completed");
    assert_eq!(messages[0]["metadata"], json!({"tab": 3}));
    assert_eq!(&messages[1], message);
}

#[tokio::test]
async fn the_agent_sees_the_person_and_no_token_stands_in_a_body() {
    let place = Place::new().await;
    let session = place.new_session().await;
    for turn in 1..=2 {
        place.agents.reply(says(&format!("resp_{turn}"), &["hi"]));
        let body = json!({"session_id": session, "content": "hello", "metadata": {"tab": 3}});
        place.call("POST", "/api/chat", body).await;
    }
    let arrived = place.agents.arrived();
    let issued = place.world.authority.issued();
    assert_eq!(issued.len(), 1);
    for request in &arrived {
        assert_eq!(request.bearer(), issued[0]);
        assert!(!request.body.contains(&issued[0]) && !request.body.contains(&place.token));
        let metadata = &request.json()["metadata"];
        assert_eq!(metadata["entrada_object_id"], json!(ALICE));
        assert_eq!(metadata["entrada_tenant_id"], json!(HOME));
        assert_eq!(metadata.get("tab"), None);
        // So that somebody can come back for the answer.
        assert_eq!(request.json()["background"], true);
    }
    assert!(
        arrived[0]
            .target
            .contains("/agents/assistant/endpoint/protocols/openai/responses")
    );
    let previous = |request: &Arrived| request.json()["previous_response_id"].clone();
    assert_eq!(previous(&arrived[0]), Value::Null);
    assert_eq!(previous(&arrived[1]), "resp_1");
    let correlation = |request: &Arrived| {
        let body = request.json();
        id(body["metadata"]["entrada_correlation_id"].as_str().unwrap())
    };
    let ids = [correlation(&arrived[0]), correlation(&arrived[1])];
    assert!(ids.iter().all(|id| !id.is_nil()) && ids[0] != ids[1]);
}

#[tokio::test]
async fn a_turn_costs_three_round_trips_of_storage() {
    let place = Place::new().await;
    let session = place.new_session().await;
    place.agents.reply(says("resp_1", &["hi"]));
    place.say(&session, "hello").await;
    place.agents.reply(says("resp_2", &["hi"]));
    place.world.tables.trips();
    let (status, _) = place.say(&session, "hello").await;
    assert_eq!(status, 200);
    assert_eq!(place.world.tables.trips(), 3);
}

#[tokio::test]
async fn a_message_has_one_to_thirty_two_thousand_characters() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let longest = "\u{1f600}".repeat(32_000);
    place.agents.reply(says("resp_1", &["hi"]));
    assert_eq!(place.say(&session, &longest).await.0, 200);
    assert_eq!(place.messages(&session).await[0]["content"], json!(longest));
    let too_long = "x".repeat(32_001);
    for content in ["", "   ", too_long.as_str()] {
        let (status, body) = place.say(&session, content).await;
        assert_eq!((status, &body["code"]), (422, &json!("INVALID_BODY")));
    }
    let metadata = json!({"long": "x".repeat(9_000)});
    for body in [
        json!({"session_id": session}),
        json!({"session_id": session, "content": "a", "metadata": metadata}),
        json!({"session_id": session, "content": "a", "token": "b"}),
        json!({"session_id": session, "content": "a", "approval": {"id": "x", "approve": true}}),
    ] {
        assert_eq!(place.call("POST", "/api/chat", body).await.0, 422);
    }
    assert_eq!(place.agents.arrived().len(), 1);
}

#[tokio::test]
async fn a_long_answer_is_kept_whole_and_an_endless_one_is_cut() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let piece = "0123456789abcdé\u{1f600}".repeat(500);
    let pieces = vec![piece.as_str(); 50];
    place.agents.reply(says("resp_1", &pieces));
    let (status, body) = place.say(&session, "write a lot").await;
    assert_eq!(status, 200);
    assert_eq!(body["message"]["content"], json!(piece.repeat(50)));
    assert_eq!(place.messages(&session).await[1], body["message"]);
    let pieces = vec![piece.as_str(); 60];
    place.agents.reply(says("resp_2", &pieces));
    let (_, body) = place.say(&session, "write more").await;
    assert_eq!(body["message"]["status"], "incomplete");
    assert_eq!(body["message"]["metadata"]["reason"], "too_long");
    let kept = body["message"]["content"]
        .as_str()
        .unwrap()
        .encode_utf16()
        .count();
    assert!((430_000..=450_000).contains(&kept), "{kept}");
    assert_eq!(place.messages(&session).await[3], body["message"]);
}

#[tokio::test]
async fn an_answer_that_the_agent_ends_early_or_fails_says_so() {
    let place = Place::new().await;
    let session = place.new_session().await;
    place.agents.reply(says("resp_1", &["first"]));
    place.say(&session, "one").await;
    let cut = |status| {
        Reply::Events(vec![
            created("resp_2"),
            delta(1, "I was"),
            ended(2, "resp_2", status),
        ])
    };
    place.agents.reply(cut("incomplete"));
    let (status, body) = place.say(&session, "two").await;
    assert_eq!(
        (status, &body["message"]["status"]),
        (200, &json!("incomplete"))
    );
    assert_eq!(body["message"]["metadata"]["reason"], "max_output_tokens");
    place.agents.reply(cut("failed"));
    let (status, body) = place.say(&session, "three").await;
    assert_eq!((status, &body["code"]), (502, &json!("AGENT_FAILED")));
    let last = place.messages(&session).await.pop().unwrap();
    assert_eq!(
        (&last["status"], &last["content"]),
        (&json!("failed"), &json!("I was"))
    );
    // What follows goes on from the last answer that was whole.
    place.agents.reply(says("resp_4", &["fourth"]));
    place.say(&session, "four").await;
    let last = place.agents.arrived().pop().unwrap();
    assert_eq!(last.json()["previous_response_id"], "resp_1");
}

#[tokio::test]
async fn one_turn_at_a_time() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    let first = place.say_streaming(&session, "one").await;
    let (status, body) = place.say(&session, "two").await;
    assert_eq!((status, &body["code"]), (409, &json!("TURN_UNDER_WAY")));
    live.send(ended(1, "resp_1", "completed")).unwrap();
    Reader::new(first).rest().await;
    place.agents.reply(says("resp_2", &["hi"]));
    assert_eq!(place.say(&session, "two").await.0, 200);
    assert_eq!(place.messages(&session).await.len(), 4);
}

#[tokio::test]
async fn of_turns_that_begin_at_once_exactly_one_goes_on() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    let calls = (0..8).map(|_| place.say_streaming(&session, "me"));
    let answers = futures::future::join_all(calls).await;
    let begun = answers
        .iter()
        .filter(|answer| answer.status() == 200)
        .count();
    let refused = answers
        .iter()
        .filter(|answer| answer.status() == 409)
        .count();
    assert_eq!((begun, refused), (1, 7));
    assert_eq!(place.agents.arrived().len(), 1);
}

#[tokio::test]
async fn a_session_whose_instance_died_is_free_again_after_a_minute() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let partition = UserPartition::of(HOME, ALICE);
    let store = place.chat.store.clone();
    place.agents.reply(says("resp_0", &["before"]));
    place.say(&session, "before").await;
    let seen = store.find(&partition, id(&session)).await.unwrap().unwrap();
    let said = |stored: &StoredSession, turn| {
        let mut draft = Draft::new(
            id(&session),
            id(&session),
            stored.next_message,
            turn,
            time::OffsetDateTime::UNIX_EPOCH,
        );
        draft.append("half of");
        Ok(draft.stored)
    };
    // As an instance leaves it that is stopped in the middle of an answer.
    Ledger::begin(store, partition, seen, said).await.unwrap();
    assert_eq!(place.messages(&session).await[2]["status"], "in_progress");
    assert_eq!(place.say(&session, "hello?").await.0, 409);
    place.world.advance(61).await;
    let abandoned = &place.messages(&session).await[2];
    assert_eq!(abandoned["status"], "incomplete");
    assert_eq!(abandoned["content"], "half of");
    place.agents.reply(says("resp_1", &["here"]));
    assert_eq!(place.say(&session, "hello?").await.0, 200);
    assert_eq!(place.messages(&session).await[2]["status"], "incomplete");
}

#[tokio::test]
async fn an_agent_that_the_person_may_not_use_any_more_is_gone() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let mut claims = place.world.claims(HOME, ALICE);
    claims["roles"] = json!(["Task.Delete"]);
    let token = Authority::sign(&claims);
    let body = json!({"session_id": session, "content": "hello"});
    let (status, body) = place.call_as(&token, "POST", "/api/chat", body).await;
    assert_eq!((status, &body["code"]), (404, &json!("AGENT_NOT_FOUND")));
    assert!(place.agents.arrived().is_empty());
    assert_eq!(place.messages(&session).await.len(), 0);
}

#[tokio::test]
async fn turns_are_bounded_over_all_people() {
    let place = Place::with(ChatLimits {
        turns: 1,
        ..limits()
    })
    .await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    let _first = place.say_streaming(&session, "one").await;
    let bob = place.world.entra_token(HOME, BOB);
    let new = json!({"agent_id": "assistant"});
    let (_, body) = place.call_as(&bob, "POST", "/api/sessions", new).await;
    let said = json!({"session_id": body["session"]["id"], "content": "hello"});
    let (status, body) = place.call_as(&bob, "POST", "/api/chat", said).await;
    assert_eq!((status, &body["code"]), (503, &json!("TOO_MANY_TURNS")));
}

#[tokio::test]
async fn turns_are_bounded_for_each_person() {
    let place = Place::with(ChatLimits {
        turns_of_one: 1,
        ..limits()
    })
    .await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    let first = place.say_streaming(&session, "one").await;
    let other = place.new_session().await;
    let refused = place.say_streaming(&other, "two").await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["code"], "TOO_MANY_OWN_TURNS");
    // Others have places of their own.
    let bob = place.world.entra_token(HOME, BOB);
    let new = json!({"agent_id": "assistant"});
    let (_, body) = place.call_as(&bob, "POST", "/api/sessions", new).await;
    let said = json!({"session_id": body["session"]["id"], "content": "hello"});
    place.agents.reply(says("resp_2", &["hi"]));
    let (status, _) = place.call_as(&bob, "POST", "/api/chat", said).await;
    assert_eq!(status, 200);
    live.send(ended(1, "resp_1", "completed")).unwrap();
    Reader::new(first).rest().await;
    place.agents.reply(says("resp_3", &["hi"]));
    assert_eq!(place.say(&other, "two").await.0, 200);
}

#[tokio::test]
async fn a_turn_ends_when_its_time_is_over() {
    let brief = ChatLimits {
        turn: Duration::from_millis(200),
        ..limits()
    };
    let place = Place::with(brief).await;
    let session = place.new_session().await;
    let live = place.agents.reply_live();
    live.send(created("resp_1")).unwrap();
    live.send(delta(1, "so far")).unwrap();
    let (status, body) = place.say(&session, "hello").await;
    assert_eq!(status, 200);
    assert_eq!(body["message"]["status"], "incomplete");
    assert_eq!(body["message"]["metadata"]["reason"], "took_too_long");
    assert_eq!(body["message"]["content"], "so far");
}

#[tokio::test]
async fn a_turn_that_ends_badly_is_refused_with_the_headers_of_its_refusal() {
    for (revoked, expected, code, header) in [
        (true, 401, "TOKEN_REVOKED", "www-authenticate"),
        (false, 503, "STORAGE_UNAVAILABLE", "retry-after"),
    ] {
        let place = Place::new().await;
        let session = place.new_session().await;
        let live = place.agents.reply_live();
        live.send(created("resp_1")).unwrap();
        let asked = place
            .request("POST", "/api/chat", &place.token)
            .json(&json!({"session_id": session, "content": "hello"}))
            .send();
        let meanwhile = async {
            place
                .until(&session, |last| last["role"] == "assistant")
                .await;
            if revoked {
                place.cut_off().await;
            } else {
                place.world.tables.lose(TABLE);
                live.send(ended(1, "resp_1", "completed")).unwrap();
            }
        };
        let (response, ()) = tokio::join!(asked, meanwhile);
        let response = response.unwrap();
        assert_eq!(response.status(), expected);
        assert!(response.headers().contains_key(header), "{header}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], code);
    }
}

#[tokio::test]
async fn others_than_the_route_may_ask_within_the_same_rules() {
    let place = Place::new().await;
    let caller = place.world.caller(&place.token).await;
    let question = |agent: &str, session_id| Question {
        agent_id: agent.to_owned(),
        content: "hello".to_owned(),
        session_id,
        correlation_id: Uuid::from_u128(1),
    };
    place.agents.reply(says("resp_1", &["one"]));
    let answer = place
        .chat
        .ask(&caller, question("assistant", None), |_| {})
        .await;
    let message = answer.unwrap().message;
    assert_eq!(message.content, "one");
    place.agents.reply(says("resp_2", &["two"]));
    let session = Some(message.session_id);
    let answer = place
        .chat
        .ask(&caller, question("assistant", session), |_| {})
        .await;
    assert_eq!(answer.unwrap().message.content, "two");
    let messages = place.messages(&message.session_id.to_string()).await;
    assert_eq!(messages.len(), 4);
    // A question that does not reach its agent leaves no session behind.
    place
        .agents
        .reply(Reply::Status(403, Vec::new(), json!({})));
    let refused = place
        .chat
        .ask(&caller, question("assistant", None), |_| {})
        .await;
    assert_eq!(refused.unwrap_err().code(), "AGENT_FORBIDDEN");
    let (_, listed) = place.call("GET", "/api/sessions", Value::Null).await;
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 1);
    let refused = place
        .chat
        .ask(&caller, question("keeper", session), |_| {})
        .await;
    assert_eq!(refused.unwrap_err().code(), "AGENT_NOT_FOUND");
    let bob = place
        .world
        .caller(&place.world.entra_token(HOME, BOB))
        .await;
    let refused = place
        .chat
        .ask(&bob, question("assistant", session), |_| {})
        .await;
    assert_eq!(refused.unwrap_err().code(), "SESSION_NOT_FOUND");
    let daemon = place.world.application_token();
    let daemon = place.world.caller(&daemon).await;
    let refused = place
        .chat
        .ask(&daemon, question("assistant", None), |_| {})
        .await;
    assert_eq!(refused.unwrap_err().code(), "USER_REQUIRED");
}
