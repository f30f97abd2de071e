use std::time::{Duration, Instant};

use entrada_stand_ins::{RecordedRequest, TokenRequest};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Answer, Entra, FOUNDRY, claims};

const KEYS: &str = "common/discovery/v2.0/keys";

async fn kids(entra: &Entra) -> Vec<Value> {
    let keys = entra.get(KEYS).await.json()["keys"].clone();
    let keys = keys.as_array().unwrap().iter();
    keys.map(|key| key["kid"].clone()).collect()
}

async fn refused(entra: &Entra, path: &str, body: Value) -> Answer {
    let request = entra
        .http
        .post(entra.url(&format!("stand-in/{path}")))
        .json(&body);
    let answer = entra.send(request).await;
    assert!(answer.status.is_client_error(), "{}", answer.text);
    assert!(answer.json()["error"].is_string());
    answer
}

#[tokio::test]
async fn a_token_is_made_as_asked_for_right_or_wrong() {
    let entra = Entra::start().await;
    let request = json!({
        "persona": "reader", "version": "v1", "set": {"roles": ["Task.All"], "extra": 1},
        "unset": ["scp"], "expires_in": -60,
    });
    let answer = entra.control("token", request).await;
    let token = claims(&answer["access_token"]);
    assert_eq!(token["ver"], "1.0");
    assert_eq!(token["roles"], json!(["Task.All"]));
    assert_eq!(token["extra"], 1);
    assert!(token.get("scp").is_none());
    let now = time::macros::datetime!(2026-11-21 12:00 UTC).unix_timestamp();
    assert_eq!(token["exp"], json!(now - 60));

    refused(&entra, "token", json!({"persona": "nobody"})).await;
    refused(
        &entra,
        "token",
        json!({"persona": "reader", "resource": "x"}),
    )
    .await;
    refused(&entra, "token", json!({"persona": "daemon", "kind": "id"})).await;
    refused(&entra, "token", json!({"persona": "reader", "expires": 1})).await;
    let lean = TokenRequest::for_persona("reader")
        .with("a", 1)
        .without("roles");
    let lean = claims(&json!(entra.mint(&lean)));
    assert!(lean["a"] == 1 && lean.get("roles").is_none());
}

#[tokio::test]
async fn keys_rotate_as_told() {
    let entra = Entra::start().await;
    let old = entra.token_of("reader");
    let before = kids(&entra).await;
    let answer = entra.control("rotate-keys", json!({})).await;
    assert_eq!(answer["keys"][0]["state"], "retired");
    assert_eq!(answer["keys"][1]["state"], "signing");
    let both = kids(&entra).await;
    assert_eq!(both.len(), 2);
    assert_eq!(both[0], before[0]);
    assert_eq!(entra.on_behalf_of(&old, &[]).await.status, StatusCode::OK);

    entra
        .control(
            "rotate-keys",
            json!({"new_key": "none", "old_keys": "dropped"}),
        )
        .await;
    assert_eq!(kids(&entra).await, both[1..]);
    assert_eq!(entra.on_behalf_of(&old, &[]).await.aadsts(), 50013);
    refused(&entra, "rotate-keys", json!({"new_key": "x"})).await;
}

#[tokio::test]
async fn faults_come_as_often_as_asked_for() {
    let entra = Entra::start().await;
    let fault = json!({"route": "/discovery/", "times": 2, "status": 503, "retry_after": 7});
    entra.control("faults", fault).await;
    let response = entra.http.get(entra.url(KEYS)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "7");
    let document = "common/v2.0/.well-known/openid-configuration";
    assert_eq!(entra.get(document).await.status, StatusCode::OK);
    assert_eq!(
        entra.get(KEYS).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(entra.get(KEYS).await.status, StatusCode::OK);

    let body = json!({"route": "/token", "status": 400, "body": {"error": "invalid_grant"}});
    entra.control("faults", body).await;
    let answer = entra.on_behalf_of(&entra.token_of("reader"), &[]).await;
    assert_eq!(answer.json(), json!({"error": "invalid_grant"}));
    refused(&entra, "faults", json!({"route": "/", "status": 99})).await;
}

#[tokio::test]
async fn an_answer_can_be_late_malformed_or_cut_off() {
    let entra = Entra::start().await;
    entra
        .control("faults", json!({"route": KEYS, "malformed": true}))
        .await;
    let answer = entra.get(KEYS).await;
    assert!(answer.status.is_success());
    assert!(serde_json::from_str::<Value>(&answer.text).is_err());

    entra
        .control("faults", json!({"route": KEYS, "disconnect": true}))
        .await;
    let cut = match entra.http.get(entra.url(KEYS)).send().await {
        Ok(response) => response.text().await.is_err(),
        Err(_) => true,
    };
    assert!(cut);

    entra
        .control("faults", json!({"route": KEYS, "delay_ms": 80}))
        .await;
    #[expect(clippy::disallowed_methods, reason = "the delay is in real time")]
    let started = Instant::now();
    assert_eq!(entra.get(KEYS).await.status, StatusCode::OK);
    assert!(started.elapsed() >= Duration::from_millis(80));
}

#[tokio::test]
async fn requests_are_remembered_without_their_secrets() {
    let entra = Entra::start().await;
    let assertion = entra.token_of("reader");
    entra.on_behalf_of(&assertion, &[]).await;
    entra.get(KEYS).await;
    let log = entra.get("stand-in/requests?path=/token").await;
    assert!(!log.text.contains(&assertion));
    assert!(!log.text.contains("stand-in-client-secret"));
    let log: Vec<RecordedRequest> = serde_json::from_str(&log.text).unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0].body["scope"], FOUNDRY);
    assert!(
        log[0].body["assertion"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );

    entra.control("reset", json!({})).await;
    assert_eq!(entra.get("stand-in/requests").await.json(), json!([]));
}

#[tokio::test]
async fn reset_brings_people_back_to_the_directory() {
    let entra = Entra::start().await;
    entra
        .person("reader", json!({"disabled": true, "roles": ["x"]}))
        .await;
    entra
        .control("faults", json!({"route": "/", "status": 500}))
        .await;
    entra.control("reset", json!({})).await;
    let token = claims(&entra.tokens("reader", &[]).await["access_token"]);
    assert_eq!(token["roles"], json!(["Task.Read"]));
}

#[tokio::test]
async fn changes_of_nobody_or_of_nothing_known_are_refused() {
    let entra = Entra::start().await;
    let nobody = refused(&entra, "people/nobody", json!({})).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    refused(
        &entra,
        "people/reader",
        json!({"consent": {"api://x": true}}),
    )
    .await;
    refused(&entra, "people/reader", json!({"disable": true})).await;
    refused(&entra, "auto-sign-in", json!({"persona": "daemon"})).await;
    refused(&entra, "certificates", json!({"certificate_pem": "x"})).await;
}

#[tokio::test]
async fn web_pages_and_other_names_of_this_machine_have_no_control() {
    let entra = Entra::start().await;
    let reset = || entra.http.post(entra.url("stand-in/reset"));
    assert_eq!(entra.send(reset()).await.status, StatusCode::NO_CONTENT);
    let page = entra
        .send(reset().header("origin", "https://evil.example"))
        .await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let rebound = entra.send(reset().header("host", "evil.example")).await;
    assert_eq!(rebound.status, StatusCode::FORBIDDEN);
}
