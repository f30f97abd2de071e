//! `/auth/step-up/{id}`: Entra wants more of a person who is signed in. A
//! call says so with a link, the person follows it, the same call succeeds.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use entrada_ambient::{Clock as _, SystemClock};
use entrada_stand_ins::directory::{CONTOSO, persona};
use entrada_tables::Row;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::application::{Application, LOOPBACK};
use crate::rig::{Person, Rig, location, parameter};
use crate::tools::{call, complaint};

const GRAPH: &str = "https://graph.microsoft.com";
const FOUNDRY: &str = "https://ai.azure.com";

fn stronger() -> Value {
    json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}})
}

/// Changes the writer's account at the stand-in.
async fn change(rig: &Rig, body: Value) {
    let url = format!("{}stand-in/people/writer", rig.stand_ins.url());
    let (status, answer) = rig.ask(rig.http.post(url).json(&body)).await;
    assert_eq!(status, 200, "{answer}");
}

async fn require(rig: &Rig, resource: &str) {
    let body = json!({"interaction_required": stronger(), "interaction_resource": resource});
    change(rig, body).await;
}

/// The writer's access token of a client of the authorization server.
async fn signed_in(rig: &Rig) -> String {
    let application = Application::register(rig, LOOPBACK).await;
    let tokens = application
        .tokens(&mut Person::new(rig, "writer"), &[])
        .await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

/// The link in what a tool said.
fn link(rig: &Rig, said: &str) -> String {
    let start = format!("{}/auth/step-up/", rig.handler.base);
    let at = said
        .find(&start)
        .unwrap_or_else(|| panic!("no link: {said}"));
    said[at..].split(' ').next().unwrap().to_owned()
}

/// Follows a link to its end: Entra's address and what our page answered.
async fn follow(person: &mut Person<'_>, link: &str) -> (String, StatusCode) {
    let entra = location(&person.visit(link).await);
    let callback = person.sign_in_at_entra(&entra).await;
    let status = person.visit(&callback).await.status();
    (entra, status)
}

#[tokio::test]
async fn a_tool_call_gives_a_link_that_makes_the_same_call_succeed_once_followed() {
    let rig = Rig::start().await;
    let token = signed_in(&rig).await;
    call(&rig, &token, "whoami", json!({})).await;
    require(&rig, GRAPH).await;
    let said = complaint(&rig, &token, "graph_me", json!({})).await;
    let link = link(&rig, &said);
    let mut person = Person::new(&rig, "writer");
    // A browser that only looks ahead does not use the link up.
    let ahead = person
        .visit_with(&link, &[("sec-purpose", "prefetch")])
        .await;
    assert_eq!(ahead.status(), StatusCode::FORBIDDEN);
    let (entra, status) = follow(&mut person, &link).await;
    assert_eq!(status, StatusCode::OK);
    let asked: Value = serde_json::from_str(&parameter(&entra, "claims").unwrap()).unwrap();
    assert_eq!(asked["access_token"]["acrs"]["value"], "c1");
    let me = call(&rig, &token, "graph_me", json!({})).await;
    assert_eq!(me["display_name"], "Walter Writer");
    // It was good once, and the log does not have it.
    assert_eq!(person.visit(&link).await.status(), StatusCode::NOT_FOUND);
    let id = link.rsplit('/').next().unwrap();
    // Requests are logged.
    rig.handler.logs("\"/auth/step-up/\"").await;
    let log = rig.handler.log();
    let told: Vec<_> = log.lines().filter(|line| line.contains(id)).collect();
    assert!(told.is_empty(), "{told:#?}");
}

#[tokio::test]
async fn a_missing_consent_is_given_at_the_link() {
    let rig = Rig::start().await;
    let token = signed_in(&rig).await;
    for (resource, tool, arguments, permission) in [
        (GRAPH, "graph_me", json!({}), "User.Read"),
        (
            FOUNDRY,
            "ask_agent",
            json!({"agent": "assistant", "message": "Who am I?"}),
            "user_impersonation",
        ),
    ] {
        change(&rig, json!({"consent": {resource: false}})).await;
        let said = complaint(&rig, &token, tool, arguments.clone()).await;
        let mut person = Person::new(&rig, "writer");
        let (entra, status) = follow(&mut person, &link(&rig, &said)).await;
        assert_eq!(status, StatusCode::OK, "{tool}");
        let scope = parameter(&entra, "scope").unwrap();
        assert!(
            scope.contains(&format!("{resource}/{permission}")),
            "{scope}"
        );
        let answer = call(&rig, &token, tool, arguments).await;
        assert!(answer.to_string().contains("Walter Writer"), "{answer}");
    }
}

#[tokio::test]
async fn a_link_is_used_up_by_coming_back_and_not_by_looking_at_it() {
    let rig = Rig::start().await;
    let token = signed_in(&rig).await;
    require(&rig, GRAPH).await;
    let said = complaint(&rig, &token, "graph_me", json!({})).await;
    let link = link(&rig, &said);
    // What mail and chat programs do with links in messages.
    let scanner = rig.http.get(&link).send().await.unwrap();
    assert_eq!(scanner.status(), StatusCode::FOUND);
    let mut person = Person::new(&rig, "writer");
    let mut callbacks = Vec::new();
    for _ in 0..2 {
        let entra = location(&person.visit(&link).await);
        callbacks.push(person.sign_in_at_entra(&entra).await);
    }
    let first = person.visit(&callbacks[0]).await.status();
    let second = person.visit(&callbacks[1]).await.status();
    assert_eq!((first, second), (StatusCode::OK, StatusCode::NOT_FOUND));
    call(&rig, &token, "graph_me", json!({})).await;
}

#[tokio::test]
async fn another_person_at_the_callback_changes_nothing_and_is_entered() {
    let rig = Rig::start().await;
    let token = signed_in(&rig).await;
    require(&rig, GRAPH).await;
    let said = complaint(&rig, &token, "graph_me", json!({})).await;
    let mut other = Person::new(&rig, "reader");
    let entra = location(&other.visit(&link(&rig, &said)).await);
    // Whose account the link is for is suggested to Entra; somebody else
    // takes the suggestion away.
    let mut entra = url::Url::parse(&entra).unwrap();
    let asked: Vec<_> = entra
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| name != "login_hint")
        .collect();
    entra.query_pairs_mut().clear().extend_pairs(asked);
    let callback = other.sign_in_at_entra(entra.as_str()).await;
    assert_eq!(other.visit(&callback).await.status(), StatusCode::FORBIDDEN);
    let said = complaint(&rig, &token, "graph_me", json!({})).await;
    let again = link(&rig, &said);
    let (_, status) = follow(&mut Person::new(&rig, "writer"), &again).await;
    assert_eq!(status, StatusCode::OK);
    call(&rig, &token, "graph_me", json!({})).await;
    let admin = rig.token("admin");
    let log = call(&rig, &admin, "admin_audit_query", json!({"limit": 200})).await;
    let entered: Vec<_> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["method"] == "grant.stepped_up")
        .map(|entry| (entry["user"].as_str().unwrap(), &entry["outcome"]))
        .collect();
    let [writer, reader] =
        ["writer", "reader"].map(|name| persona(name).unwrap().object_id.to_string());
    assert_eq!(
        entered,
        [
            (writer.as_str(), &json!("succeeded")),
            (reader.as_str(), &json!("refused"))
        ]
    );
}

#[tokio::test]
async fn chat_tells_the_link_as_an_event_or_in_the_error() {
    let rig = Rig::start().await;
    let tokens = Person::new(&rig, "writer").tokens().await;
    let token = tokens["access_token"].as_str().unwrap();
    let (_, made) = rig
        .post("/api/sessions", token, &json!({"agent_id": "assistant"}))
        .await;
    let said = json!({"session_id": made["session"]["id"], "content": "Who am I?"});
    require(&rig, FOUNDRY).await;
    let (status, answer) = rig.post("/api/chat", token, &said).await;
    assert_eq!(
        (status, &answer["code"]),
        (403, &json!("INTERACTION_REQUIRED"))
    );
    link(&rig, answer["step_up_url"].as_str().unwrap());
    let streamed = rig.http.post(rig.url("/api/chat")).bearer_auth(token);
    let streamed = streamed.header("accept", "text/event-stream").json(&said);
    let response = streamed.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    let data: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert!(text.starts_with("event: consent.required\n"), "{text}");
    assert_eq!(data.len(), 2, "{text}");
    assert_eq!(data[1]["code"], "INTERACTION_REQUIRED");
    let link = data[0]["link"].as_str().unwrap();
    let (_, status) = follow(&mut Person::new(&rig, "writer"), link).await;
    assert_eq!(status, StatusCode::OK);
    let (status, answer) = rig.post("/api/chat", token, &said).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn a_client_with_a_token_of_entras_gets_the_claims_and_no_link() {
    let rig = Rig::start().await;
    let token = rig.token("writer");
    let (_, made) = rig
        .post("/api/sessions", &token, &json!({"agent_id": "assistant"}))
        .await;
    require(&rig, FOUNDRY).await;
    let said = json!({"session_id": made["session"]["id"], "content": "Who am I?"});
    let chat = rig.http.post(rig.url("/api/chat")).json(&said);
    let arguments = json!({"agent": "assistant", "message": "Who am I?"});
    let tool = crate::tools::request(&rig, "ask_agent", &arguments);
    // Who wants to be told how far the call is gets the same: the answer must
    // not have begun before it is known.
    let params = json!({"name": "ask_agent", "arguments": arguments,
        "_meta": {"progressToken": 1}});
    let told = crate::mcp::modern(&rig, &token, ("tools/call", params), json!({}));
    for asked in [chat.bearer_auth(&token), tool.bearer_auth(&token), told] {
        let response = asked.send().await.unwrap();
        assert_eq!(response.status(), 401);
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        let claims = STANDARD.encode(stronger().to_string());
        assert!(
            challenge.contains("error=\"insufficient_claims\""),
            "{challenge}"
        );
        assert!(
            challenge.contains(&format!("claims=\"{claims}\"")),
            "{challenge}"
        );
        let body = response.text().await.unwrap();
        assert!(!body.contains("step-up"), "{body}");
    }
}

/// Puts an offer into storage that ends in so many seconds.
async fn offer(rig: &mut Rig, id: &str, seconds: i64) -> String {
    let hash = digest(&SHA256, id.as_bytes());
    let row = Row::new(
        format!("{:02x}", hash.as_ref()[0]),
        format!("stepup-{}", URL_SAFE_NO_PAD.encode(hash)),
    )
    .with("grant_id", Uuid::from_u128(1))
    .with("tenant_id", CONTOSO)
    .with("object_id", persona("writer").unwrap().object_id)
    .with("scopes", "")
    .with("opens_until", SystemClock::new().unix() + seconds)
    .with("expires_at", SystemClock::new().unix() + seconds + 600);
    rig.handler.kill().await;
    rig.tables().insert("entradaflows", &row).await.unwrap();
    rig.restart().await;
    rig.url(&format!("/auth/step-up/{id}"))
}

#[tokio::test]
async fn a_link_ends_after_its_time_and_unknown_ones_lead_nowhere() {
    let mut rig = Rig::start().await;
    let in_time = offer(&mut rig, "in-time", 600).await;
    let late = offer(&mut rig, "late", -1).await;
    let mut person = Person::new(&rig, "writer");
    assert_eq!(person.visit(&in_time).await.status(), StatusCode::FOUND);
    assert_eq!(person.visit(&late).await.status(), StatusCode::NOT_FOUND);
    let unknown = rig.url("/auth/step-up/nothing");
    assert_eq!(person.visit(&unknown).await.status(), StatusCode::NOT_FOUND);
}
