//! What of chat is entered into the audit log, and as what.

use serde_json::json;
use uuid::Uuid;

use super::foundry::{Reply, created, delta, ended};
use super::{Place, Reader};
use crate::audit::{Decision, Entry, Outcome};
use crate::chat::Question;
use crate::downstream::testing::{ALICE, Authority, BOB, HOME, OTHER};

/// Decision, outcome and reason of entries.
fn told(entries: &[Entry]) -> Vec<(Decision, Outcome, &str)> {
    entries
        .iter()
        .map(|entry| {
            let reason = entry.reason.as_deref().unwrap_or_default();
            (entry.decision, entry.outcome, reason)
        })
        .collect()
}

const HIDDEN: (Decision, Outcome, &str) = (
    Decision::Refused,
    Outcome::Refused,
    "hidden_or_unknown_agent",
);

/// Alice without the role that opens the assistant.
fn without_the_role(place: &Place) -> String {
    let mut claims = place.world.claims(HOME, ALICE);
    claims["roles"] = json!(["Task.Delete"]);
    Authority::sign(&claims)
}

#[tokio::test]
async fn who_asks_an_agent_that_is_not_theirs_is_entered_as_refused() {
    let place = Place::new().await;
    let ask = async |token: &str, agent: &str| {
        place.world.advance(1).await;
        let caller = place.world.caller(token).await;
        let question = Question {
            agent_id: agent.to_owned(),
            content: "hello".to_owned(),
            session_id: None,
            correlation_id: Uuid::from_u128(1),
        };
        let refused = place.chat.ask(&caller, question, |_| {}).await;
        refused.unwrap_err().code()
    };
    for agent in ["keeper", "nobody"] {
        assert_eq!(ask(&place.token, agent).await, "AGENT_NOT_FOUND");
    }
    let entered = place.world.entered("agents.read").await;
    assert_eq!(told(&entered), [HIDDEN, HIDDEN]);
    let agents = entered.iter().map(|entry| entry.agent.as_deref().unwrap());
    assert_eq!(agents.collect::<Vec<_>>(), ["keeper", "nobody"]);
    // Whom chat does not serve at all.
    let daemon = place.world.application_token();
    assert_eq!(ask(&daemon, "assistant").await, "USER_REQUIRED");
    let entered = place.world.entered("chat.turn").await;
    let refused = (Decision::Refused, Outcome::Refused, "USER_REQUIRED");
    assert_eq!(told(&entered), [refused]);
    assert_eq!(entered[0].agent.as_deref(), Some("assistant"));
    let guest = place.world.entra_token(OTHER, BOB);
    assert_eq!(ask(&guest, "assistant").await, "TENANT_NOT_SERVED");
}

#[tokio::test]
async fn an_agent_that_is_not_there_for_foundry_is_no_refusal() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let gone = json!({"error": {"code": "not_found", "message": "Gone."}});
    place.agents.reply(Reply::Status(404, Vec::new(), gone));
    let (status, body) = place.say(&session, "hello").await;
    assert_eq!((status, &body["code"]), (404, &json!("AGENT_NOT_FOUND")));
    place.world.advance(1).await;
    let said = json!({"session_id": session, "content": "hello"});
    let stranger = without_the_role(&place);
    let (status, _) = place.call_as(&stranger, "POST", "/api/chat", said).await;
    assert_eq!(status, 404);
    let failed = (Decision::Allowed, Outcome::Failed, "AGENT_NOT_FOUND");
    let entered = place.world.entered("chat.turn").await;
    assert_eq!(told(&entered), [failed, HIDDEN]);
}

#[tokio::test]
async fn going_on_with_an_answer_is_entered_when_the_agent_is_asked_or_refused() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let broken = async || {
        let reply = Reply::Broken(vec![created("resp_1"), delta(1, "one ")]);
        place.agents.reply(reply);
        let reader = Reader::new(place.say_streaming(&session, "hello").await);
        reader.rest().await.remove(0).id
    };
    let come_back = async |token: &str, after: &str| {
        place.world.advance(1).await;
        let request = place.request("POST", "/api/chat", token);
        let request = request.json(&json!({"session_id": session, "content": "hello"}));
        let request = request.header("accept", "text/event-stream");
        request.header("last-event-id", after).send().await.unwrap()
    };
    let heard = broken().await;
    let refused = come_back(&without_the_role(&place), &heard).await;
    assert_eq!(refused.status(), 404);
    assert_eq!(told(&place.world.entered("agents.read").await), [HIDDEN]);
    assert!(place.world.entered("chat.resume").await.is_empty());
    let rest = vec![delta(2, "two"), ended(3, "resp_1", "completed")];
    place.agents.reply(Reply::Events(rest));
    // The second time it is told from storage.
    for _ in 0..2 {
        let response = come_back(&place.token, &heard).await;
        Reader::new(response).rest().await;
    }
    let entered = place.world.entered("chat.resume").await;
    let asked = (Decision::Allowed, Outcome::Succeeded, "");
    assert_eq!(told(&entered), [asked]);
    assert_eq!(entered[0].agent.as_deref(), Some("assistant"));
    assert_eq!(entered[0].user, Some(ALICE));
    // One that the agent does not have any more.
    let heard = broken().await;
    let gone = Reply::Status(404, Vec::new(), json!({}));
    place.agents.reply(gone);
    let response = come_back(&place.token, &heard).await;
    Reader::new(response).rest().await;
    let entered = place.world.entered("chat.resume").await;
    let failed = (Decision::Allowed, Outcome::Failed, "AGENT_NOT_FOUND");
    assert_eq!(told(&entered), [asked, failed]);
}
