//! `/auth/step-up/{id}`: a stronger sign-in for a grant that is there.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::{Clock as _, SystemClock};
use entrada_stand_ins::directory::{CONTOSO, persona};
use entrada_tables::Row;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::application::{Application, LOOPBACK};
use crate::rig::{Person, Rig, location, parameter};

const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

/// Puts an offer for the grant of these tokens into storage, as a tool call
/// that Entra wants more for leaves it.
async fn offer(rig: &mut Rig, id: &str, tokens: &Value, seconds: i64) -> String {
    let grant = tokens["refresh_token"]
        .as_str()
        .unwrap()
        .split('.')
        .nth(2)
        .unwrap()
        .to_owned();
    let hash = digest(&SHA256, id.as_bytes());
    let row = Row::new(
        format!("{:02x}", hash.as_ref()[0]),
        format!("stepup-{}", URL_SAFE_NO_PAD.encode(hash)),
    )
    .with("grant_id", Uuid::try_parse(&grant).unwrap())
    .with("tenant_id", CONTOSO)
    .with("object_id", persona("writer").unwrap().object_id)
    .with("claims", CLAIMS)
    .with("scopes", "https://graph.microsoft.com/User.Read")
    .with("expires_at", SystemClock::new().unix() + seconds);
    rig.handler.kill().await;
    rig.tables().insert("entradaflows", &row).await.unwrap();
    rig.restart().await;
    rig.url(&format!("/auth/step-up/{id}"))
}

async fn signed_in() -> (Rig, String, Value) {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let tokens = application
        .tokens(&mut Person::new(&rig, "writer"), &[])
        .await;
    let id = application.id.clone();
    drop(application);
    (rig, id, tokens)
}

/// Takes the person's roles of that moment: what tells whose token a grant
/// holds now.
async fn roles_after_refresh(rig: &Rig, client: &str, tokens: &Value) -> String {
    let application = Application::known(rig, client, LOOPBACK);
    let (status, refreshed) = application.refresh(&tokens["refresh_token"]).await;
    assert_eq!(status, 200, "{refreshed}");
    rig.get("/mcp/tools", refreshed["access_token"].as_str().unwrap())
        .await
        .1
        .to_string()
}

#[tokio::test]
async fn the_same_person_meets_the_claims_and_the_grant_has_the_new_tokens() {
    let (mut rig, client, tokens) = signed_in().await;
    let url = offer(&mut rig, "once", &tokens, 600).await;
    let people = format!("{}stand-in/people/writer", rig.stand_ins.url());
    let reader = json!({"roles": ["Task.Read"]});
    rig.http.post(people).json(&reader).send().await.unwrap();
    let mut person = Person::new(&rig, "writer");
    // A browser that only looks ahead does not use the link up.
    let ahead = person
        .visit_with(&url, &[("sec-purpose", "prefetch")])
        .await;
    assert_eq!(ahead.status(), StatusCode::FORBIDDEN);
    let entra = location(&person.visit(&url).await);
    let asked: Value = serde_json::from_str(&parameter(&entra, "claims").unwrap()).unwrap();
    assert_eq!(asked["access_token"]["acrs"]["value"], "c1");
    assert!(
        parameter(&entra, "scope")
            .unwrap()
            .contains("https://graph.microsoft.com/User.Read")
    );
    let callback = person.sign_in_at_entra(&entra).await;
    assert_eq!(person.visit(&callback).await.status(), StatusCode::OK);
    // Entra's token in the grant is the new one: its roles count.
    let tools = roles_after_refresh(&rig, &client, &tokens).await;
    assert!(!tools.contains("set_weather_alert"), "{tools}");
    assert_eq!(person.visit(&url).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn another_person_changes_nothing() {
    let (mut rig, client, tokens) = signed_in().await;
    let url = offer(&mut rig, "other", &tokens, 600).await;
    let mut other = Person::new(&rig, "reader");
    let entra = location(&other.visit(&url).await);
    let callback = other.sign_in_at_entra(&entra).await;
    assert_eq!(other.visit(&callback).await.status(), StatusCode::FORBIDDEN);
    let tools = roles_after_refresh(&rig, &client, &tokens).await;
    assert!(tools.contains("set_weather_alert"), "{tools}");
}

#[tokio::test]
async fn a_link_ends_after_its_time_and_unknown_ones_lead_nowhere() {
    let (mut rig, _, tokens) = signed_in().await;
    let url = offer(&mut rig, "late", &tokens, -1).await;
    let mut person = Person::new(&rig, "writer");
    assert_eq!(person.visit(&url).await.status(), StatusCode::NOT_FOUND);
    let unknown = rig.url("/auth/step-up/nothing");
    assert_eq!(person.visit(&unknown).await.status(), StatusCode::NOT_FOUND);
}
