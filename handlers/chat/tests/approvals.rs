use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::turn::{Input, TurnOrder};
use super::foundry::{Reply, created, ended, says};
use super::{Place, Reader, id, names};
use crate::downstream::testing::{ALICE, HOME};
use crate::identity::UserPartition;

const LINK: &str = "https://logic-1.consent.azure-apihub.net/login?data=secret";

fn consent(response: &str) -> Reply {
    Reply::Events(vec![
        created(response),
        json!({"type": "response.output_item.done", "sequence_number": 1, "item": {
            "type": "oauth_consent_request", "id": "oauthreq_1", "server_label": "github",
            "consent_link": LINK}}),
        ended(2, response, "incomplete"),
    ])
}

fn approval(response: &str) -> Reply {
    Reply::Events(vec![
        created(response),
        json!({"type": "response.output_item.done", "sequence_number": 1, "item": {
            "type": "mcp_approval_request", "id": "mcpr_1", "server_label": "github",
            "name": "delete_issue", "arguments": "{\"issue\":1}"}}),
        ended(2, response, "completed"),
    ])
}

#[tokio::test]
async fn consent_is_asked_in_an_event_and_the_same_message_goes_on_from_there() {
    let place = Place::new().await;
    let session = place.new_session().await;
    place.agents.reply(consent("resp_1"));
    let events = Reader::new(place.say_streaming(&session, "list").await)
        .rest()
        .await;
    assert_eq!(names(&events), ["consent.required", "message.completed"]);
    let asked = json!({"id": "oauthreq_1", "link": LINK, "server_label": "github"});
    assert_eq!(events[0].data, asked);
    let message = &events[1].data["message"];
    assert_eq!(message["status"], "incomplete");
    assert_eq!(message["metadata"]["reason"], "consent_required");
    place.agents.reply(consent("resp_2"));
    let (status, body) = place.say(&session, "list").await;
    assert_eq!(status, 200);
    assert_eq!(body["consent_required"], json!([asked]));
    assert_eq!(
        place.agents.arrived()[1].json()["previous_response_id"],
        "resp_1"
    );
    // The link is in nobody's history.
    let messages = Value::Array(place.messages(&session).await).to_string();
    assert!(!messages.contains("azure-apihub"));
}

#[tokio::test]
async fn an_approval_is_asked_once_and_answered_once() {
    let place = Place::new().await;
    let session = place.new_session().await;
    place.agents.reply(approval("resp_1"));
    let (status, body) = place.say(&session, "delete it").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body["approval_required"],
        json!([{"id": "mcpr_1", "name": "delete_issue", "arguments": "{\"issue\":1}",
            "server_label": "github"}])
    );
    assert_eq!(body["message"]["metadata"]["reason"], "approval_required");
    let answer = |id: &str| json!({"session_id": session, "approval": {"id": id, "approve": true, "reason": "yes"}});
    let (status, body) = place.call("POST", "/api/chat", answer("mcpr_2")).await;
    assert_eq!(
        (status, &body["code"]),
        (409, &json!("APPROVAL_NOT_PENDING"))
    );
    place.agents.reply(says("resp_2", &["Done."]));
    let (status, body) = place.call("POST", "/api/chat", answer("mcpr_1")).await;
    assert_eq!(
        (status, &body["message"]["content"]),
        (200, &json!("Done."))
    );
    let sent = place.agents.arrived()[1].json();
    assert_eq!(sent["previous_response_id"], "resp_1");
    assert_eq!(
        sent["input"],
        json!([{"type": "mcp_approval_response", "approval_request_id": "mcpr_1",
            "approve": true, "reason": "yes"}])
    );
    let (status, _) = place.call("POST", "/api/chat", answer("mcpr_1")).await;
    assert_eq!(status, 409);
    let said = &place.messages(&session).await[2];
    assert_eq!(
        said["metadata"],
        json!({"approval_id": "mcpr_1", "approve": true})
    );
}

#[tokio::test]
async fn a_turn_goes_by_the_session_as_it_is_when_the_turn_begins() {
    let place = Place::new().await;
    let session = place.new_session().await;
    place.agents.reply(approval("resp_1"));
    place.say(&session, "delete it").await;
    let store = &place.chat.store;
    let partition = UserPartition::of(HOME, ALICE);
    let seen = store.find(&partition, id(&session));
    let seen = seen.await.unwrap().unwrap();
    let approved = json!({"session_id": session, "approval": {"id": "mcpr_1", "approve": true}});
    place.agents.reply(says("resp_2", &["Done."]));
    let (status, _) = place.call("POST", "/api/chat", approved).await;
    assert_eq!(status, 200);
    // Two more that had looked at the session before.
    let caller = place.world.caller(&place.token).await;
    let chat = &place.chat;
    let upstream = chat.upstream(&caller, "assistant").await.unwrap();
    let order = |input| TurnOrder {
        session_id: id(&session),
        input,
        metadata: Map::new(),
        correlation_id: Uuid::from_u128(1),
        only_attended: false,
    };
    let again = order(Input::Approval {
        id: "mcpr_1".to_owned(),
        approve: true,
        reason: None,
    });
    let late = chat.start_in(caller.clone(), seen.clone(), upstream.clone(), again);
    assert_eq!(late.await.unwrap_err().code(), "APPROVAL_NOT_PENDING");
    assert_eq!(place.agents.arrived().len(), 2);
    place.agents.reply(says("resp_3", &["Hello."]));
    let said = order(Input::Text("hello".to_owned()));
    let begun = chat.start_in(caller, seen, upstream, said).await;
    let _events = begun.unwrap();
    let last = place.agents.arrived().pop().unwrap();
    assert_eq!(last.json()["previous_response_id"], "resp_2");
}
