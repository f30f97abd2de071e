use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::foundry::{Reply, says};
use super::{Place, serve};
use crate::chat::{Catalogue, Chat, ChatSources};
use crate::downstream::testing::ALICE;

const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

fn refused(status: u16, code: &str) -> Reply {
    let body = json!({"error": {"code": code, "message": "Because of hello."}});
    Reply::Status(status, Vec::new(), body)
}

#[tokio::test]
async fn a_refusal_of_the_service_is_told_before_the_stream_begins() {
    let place = Place::new().await;
    for (status, expected, code) in [
        (503, 503, "FOUNDRY_UNAVAILABLE"),
        (500, 503, "FOUNDRY_UNAVAILABLE"),
        (403, 403, "AGENT_FORBIDDEN"),
        (404, 404, "AGENT_NOT_FOUND"),
        (400, 502, "AGENT_REJECTED"),
        (401, 502, "AGENT_REFUSED_TOKEN"),
    ] {
        let session = place.new_session().await;
        place.agents.reply(refused(status, "some_code"));
        let response = place.say_streaming(&session, "hello").await;
        assert_eq!(response.status(), expected, "{code}");
        assert_eq!(
            response.headers().contains_key("retry-after"),
            expected == 503
        );
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(body["code"], code);
        assert!(body["timestamp"].is_string() && body["correlation_id"].is_string());
        assert!(!body["detail"].as_str().unwrap().contains("hello"));
        let messages = place.messages(&session).await;
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0]["status"], "failed");
        // And the session can be gone on with.
        place.agents.reply(says("resp_1", &["hi"]));
        assert_eq!(place.say(&session, "hello").await.0, 200);
    }
}

#[tokio::test]
async fn a_claims_challenge_of_the_service_is_met_by_a_token_for_it() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let challenge = format!(
        "Bearer error=\"insufficient_claims\", claims=\"{}\"",
        STANDARD.encode(CLAIMS)
    );
    let headers = vec![("www-authenticate", challenge)];
    place.agents.reply(Reply::Status(401, headers, json!({})));
    place.agents.reply(says("resp_1", &["hi"]));
    assert_eq!(place.say(&session, "hello").await.0, 200);
    let (arrived, issued) = (place.agents.arrived(), place.world.authority.issued());
    assert_eq!(arrived[0].bearer(), issued[0]);
    assert_eq!(arrived[1].bearer(), issued[1]);
    assert!(place.world.authority.requests()[1]["claims"].contains("acrs"));
    // The next turn does not begin with the stronger token.
    place.agents.reply(says("resp_2", &["hi"]));
    place.say(&session, "hello").await;
    assert_eq!(place.agents.arrived()[2].bearer(), issued[0]);
}

#[tokio::test]
async fn what_entra_wants_of_the_person_is_passed_on_to_who_can_do_it() {
    let place = Place::new().await;
    let session = place.new_session().await;
    let wants = json!({"error": "interaction_required", "error_codes": [50076], "claims": CLAIMS});
    place.world.authority.refuse(400, wants.clone());
    let response = place.say_streaming(&session, "hello").await;
    assert_eq!(response.status(), 401);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(
        challenge.contains("error=\"insufficient_claims\""),
        "{challenge}"
    );
    assert!(challenge.contains(&format!("claims=\"{}\"", STANDARD.encode(CLAIMS))));
    let own = place.world.own_token(ALICE, Uuid::from_u128(0x9001)).await;
    let said = json!({"session_id": session, "content": "hello"});
    place.world.authority.refuse(400, wants);
    let (status, body) = place.call_as(&own, "POST", "/api/chat", said.clone()).await;
    assert_eq!(
        (status, &body["code"]),
        (403, &json!("INTERACTION_REQUIRED"))
    );
    assert!(
        body["step_up_url"]
            .as_str()
            .unwrap()
            .contains("/auth/step-up/")
    );
    place.world.advance(11).await;
    let wants =
        json!({"error": "invalid_grant", "error_codes": [65001], "suberror": "consent_required"});
    place.world.authority.refuse(400, wants);
    let (status, body) = place.call_as(&own, "POST", "/api/chat", said).await;
    assert_eq!((status, &body["code"]), (403, &json!("CONSENT_REQUIRED")));
    assert_eq!(place.messages(&session).await.len(), 0);
    assert!(place.agents.arrived().is_empty());
}

#[tokio::test]
async fn without_a_service_chat_says_what_to_do() {
    let place = Place::new().await;
    let sources = ChatSources {
        tables: place.world.tables.clone(),
        catalogue: std::sync::Arc::new(Catalogue::parse(super::AGENTS, None).unwrap()),
        downstream: place.downstream.clone(),
        remedies: place.world.remedies(),
        policy: place.world.policy.clone(),
        revocations: place.world.revocations.clone(),
        audit: place.world.audit.clone(),
        rings: place.world.rings.clone(),
        clock: place.world.clock.clone(),
        random: std::sync::Arc::new(entrada_ambient::SystemRandom),
    };
    let chat = std::sync::Arc::new(Chat::new(sources, super::limits()));
    let place = Place {
        base: serve(&place.world, &chat).await,
        ..place
    };
    let session = place.new_session().await;
    let (status, body) = place.say(&session, "hello").await;
    assert_eq!(
        (status, &body["code"]),
        (404, &json!("CHAT_NOT_CONFIGURED"))
    );
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .contains("ENTRADA_FOUNDRY_ENDPOINT")
    );
}
