//! `graph_me`: as the person, on behalf of the person.

use serde_json::{Value, json};

use super::{OTHER_TENANT, call, complaint, request, token_with_roles};
use crate::mcp::modern;
use crate::rig::{Person, Rig};

const GRAPH: &str = "https://graph.microsoft.com";

/// Changes an account at the stand-in.
async fn change(rig: &Rig, persona: &str, body: Value) {
    let url = format!("{}stand-in/people/{persona}", rig.stand_ins.url());
    let (status, answer) = rig.ask(rig.http.post(url).json(&body)).await;
    assert_eq!(status, 200, "{answer}");
}

async fn fault(rig: &Rig, body: Value) {
    let url = format!("{}stand-in/faults", rig.stand_ins.url());
    let (status, answer) = rig.ask(rig.http.post(url).json(&body)).await;
    assert_eq!(status, 204, "{answer}");
}

/// Tokens of ours for a persona who signed in.
async fn signed_in(rig: &Rig, persona: &'static str) -> String {
    let tokens = Person::new(rig, persona).tokens().await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn everybody_reads_the_own_profile_by_either_kind_of_token() {
    let rig = Rig::with(&[OTHER_TENANT]).await;
    for (token, name) in [
        (rig.token("reader"), "Rita Reader"),
        (rig.token("writer"), "Walter Writer"),
        (signed_in(&rig, "reader").await, "Rita Reader"),
        (token_with_roles(&rig, "guest", &["Task.Read"]), "Gus Guest"),
    ] {
        let me = call(&rig, &token, "graph_me", json!({})).await;
        assert_eq!(me["display_name"], name);
        let who = call(&rig, &token, "whoami", json!({})).await;
        assert_eq!(me["id"], who["object_id"]);
    }
}

#[tokio::test]
async fn the_server_never_asks_in_its_own_name() {
    let rig = Rig::with(&[("ENTRADA_ACCEPT_APP_TOKENS", "true")]).await;
    let said = complaint(&rig, &rig.token("daemon"), "graph_me", json!({})).await;
    assert!(said.contains("on behalf of a person"), "{said}");
    let requests = format!("{}stand-in/requests?path=/graph", rig.stand_ins.url());
    let (_, asked) = rig.ask(rig.http.get(requests)).await;
    assert_eq!(asked, json!([]));
}

#[tokio::test]
async fn missing_consent_gives_a_link_to_the_signed_in_and_words_to_others() {
    let rig = Rig::start().await;
    let own = signed_in(&rig, "reader").await;
    change(&rig, "reader", json!({"consent": {GRAPH: false}})).await;
    let said = complaint(&rig, &own, "graph_me", json!({})).await;
    let link = format!("{}/auth/step-up/", rig.handler.base);
    assert!(said.contains(&link), "{said}");
    let said = complaint(&rig, &rig.token("reader"), "graph_me", json!({})).await;
    assert!(
        !said.contains("step-up") && said.contains("consent"),
        "{said}"
    );
    // Somebody else has consented.
    call(&rig, &rig.token("writer"), "graph_me", json!({})).await;
}

#[tokio::test]
async fn a_client_that_can_is_asked_to_have_the_link_opened() {
    let rig = Rig::start().await;
    let own = signed_in(&rig, "reader").await;
    change(&rig, "reader", json!({"consent": {GRAPH: false}})).await;
    let ask = async |more: Value| {
        let mut params = json!({"name": "graph_me", "arguments": {}});
        params["inputResponses"] = more;
        let capabilities = json!({"elicitation": {"url": {}}});
        let request = modern(&rig, &own, ("tools/call", params), capabilities);
        rig.ask(request).await.1
    };
    let question = ask(json!({})).await;
    let asked = &question["result"]["inputRequests"]["step_up"];
    assert_eq!(asked["method"], "elicitation/create", "{question}");
    assert_eq!(asked["params"]["mode"], "url");
    let link = asked["params"]["url"].as_str().unwrap();
    assert!(link.starts_with(&format!("{}/auth/step-up/", rig.handler.base)));
    // Once in a call: who comes back without it is told in words.
    for action in ["accept", "decline"] {
        let told = ask(json!({"step_up": {"action": action}})).await;
        assert_eq!(told["result"]["isError"], true, "{told}");
        assert!(told.to_string().contains("/auth/step-up/"), "{told}");
    }
}

#[tokio::test]
async fn a_claims_challenge_reaches_the_client_that_can_meet_it() {
    let rig = Rig::start().await;
    let own = signed_in(&rig, "reader").await;
    let claims = json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}});
    let required = json!({"interaction_required": claims, "interaction_resource": GRAPH});
    change(&rig, "reader", required).await;
    let said = complaint(&rig, &own, "graph_me", json!({})).await;
    assert!(said.contains("/auth/step-up/"), "{said}");
    let asked = request(&rig, "graph_me", &json!({})).bearer_auth(rig.token("reader"));
    let response = asked.send().await.unwrap();
    assert_eq!(response.status(), 401);
    let challenge = response.headers()["www-authenticate"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        challenge.contains("error=\"insufficient_claims\""),
        "{challenge}"
    );
    let metadata = "/.well-known/oauth-protected-resource/mcp";
    assert!(challenge.contains(metadata), "{challenge}");
    let encoded = challenge
        .split("claims=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let decoded = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .unwrap()
    };
    assert_eq!(serde_json::from_slice::<Value>(&decoded).unwrap(), claims);
}

#[tokio::test]
async fn a_revoked_session_ends_even_with_a_token_of_graph_at_hand() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    call(&rig, &reader, "graph_me", json!({})).await;
    change(&rig, "reader", json!({"revoke_sessions": true})).await;
    // Graph challenges the token that is kept, and Entra gives no other.
    let asked = request(&rig, "graph_me", &json!({})).bearer_auth(&reader);
    let response = asked.send().await.unwrap();
    assert_eq!(response.status(), 401, "{}", response.text().await.unwrap());
    call(&rig, &rig.token("writer"), "graph_me", json!({})).await;
}

#[tokio::test]
async fn an_outage_of_graph_is_told_and_passes() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    for trouble in [
        json!({"route": "/graph/", "status": 503}),
        json!({"route": "/graph/", "malformed": true}),
        json!({"route": "/graph/", "disconnect": true}),
    ] {
        fault(&rig, trouble.clone()).await;
        let said = complaint(&rig, &reader, "graph_me", json!({})).await;
        assert!(said.contains("does not answer"), "{trouble}: {said}");
        call(&rig, &reader, "graph_me", json!({})).await;
    }
}
