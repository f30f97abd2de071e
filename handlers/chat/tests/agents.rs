use serde_json::{Value, json};

use super::Place;
use crate::downstream::testing::{ALICE, Authority, BOB, HOME, OTHER};

#[tokio::test]
async fn only_agents_that_a_role_opens_are_listed() {
    let place = Place::new().await;
    let (status, body) = place.call("GET", "/api/agents", Value::Null).await;
    assert_eq!(status, 200);
    let assistant = json!({"id": "assistant", "name": "Assistant", "description": "Helps."});
    assert_eq!(body, json!({"agents": [assistant], "count": 1}));
    let mut claims = place.world.claims(HOME, BOB);
    claims["roles"] = json!(["Task.Write", "Task.Read"]);
    let token = Authority::sign(&claims);
    let (_, body) = place
        .call_as(&token, "GET", "/api/agents", Value::Null)
        .await;
    assert_eq!(body["count"], 2);
    claims["roles"] = json!([]);
    let token = Authority::sign(&claims);
    let (_, body) = place
        .call_as(&token, "GET", "/api/agents", Value::Null)
        .await;
    assert_eq!(body, json!({"agents": [], "count": 0}));
}

#[tokio::test]
async fn a_hidden_agent_answers_like_an_unknown_one() {
    let place = Place::new().await;
    let (status, body) = place
        .call("GET", "/api/agents/assistant", Value::Null)
        .await;
    assert_eq!((status, &body["id"]), (200, &json!("assistant")));
    let mut answers = Vec::new();
    for agent in ["keeper", "other", "nobody"] {
        let path = format!("/api/agents/{agent}");
        let (status, body) = place.call("GET", &path, Value::Null).await;
        answers.push((status, body["code"].clone(), body["detail"].clone()));
        let new = json!({"agent_id": agent});
        let (status, body) = place.call("POST", "/api/sessions", new).await;
        answers.push((status, body["code"].clone(), body["detail"].clone()));
    }
    assert_eq!(answers[0].0, 404);
    assert_eq!(answers[0].1, "AGENT_NOT_FOUND");
    assert!(answers.iter().all(|answer| answer == &answers[0]));
}

#[tokio::test]
async fn people_of_another_tenant_and_applications_are_turned_away_everywhere() {
    let place = Place::new().await;
    let guest = place.world.entra_token(OTHER, ALICE);
    let daemon = place.world.application_token();
    let session = place.new_session().await;
    let one = format!("/api/sessions/{session}");
    let said = json!({"session_id": session, "content": "hello"});
    for (method, path, body) in [
        ("GET", "/api/agents", Value::Null),
        ("GET", "/api/agents/assistant", Value::Null),
        ("POST", "/api/sessions", json!({"agent_id": "assistant"})),
        ("GET", "/api/sessions", Value::Null),
        ("GET", one.as_str(), Value::Null),
        ("PATCH", one.as_str(), json!({"title": "x"})),
        ("DELETE", one.as_str(), Value::Null),
        ("POST", "/api/chat", said),
    ] {
        let (status, answer) = place.call_as(&guest, method, path, body.clone()).await;
        assert_eq!(
            (status, &answer["code"]),
            (403, &json!("TENANT_NOT_SERVED"))
        );
        let (status, answer) = place.call_as(&daemon, method, path, body.clone()).await;
        assert_eq!((status, &answer["code"]), (403, &json!("USER_REQUIRED")));
        let (status, _) = place.call_as("nonsense", method, path, body).await;
        assert_eq!(status, 401);
    }
    assert!(place.agents.arrived().is_empty());
}
