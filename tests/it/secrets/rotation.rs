//! Keys change under a running server.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Officer, age, control, keys, secretless, with_header};
use crate::rig::{Person, Rig};

async fn published(rig: &Rig) -> Vec<String> {
    let url = rig.url("/.well-known/jwks.json");
    let (status, keys) = rig.ask(rig.http.get(url)).await;
    assert_eq!(status, 200, "{keys}");
    let keys = keys["keys"].as_array().unwrap().clone();
    assert!(keys.iter().all(|key| key.get("d").is_none()));
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

fn kid(token: &str) -> String {
    let header = super::header(token);
    header["kid"].as_str().unwrap().to_owned()
}

fn access(tokens: &Value) -> String {
    tokens["access_token"].as_str().unwrap().to_owned()
}

/// Lets the server meet a key id that it does not know until it has looked
/// into the vault, which it does at most every 30 s (and every five minutes
/// anyway).
async fn until_it_publishes(rig: &Rig, token: &str, kids: &[String]) {
    let unknown = json!({"kid": "2026-01-01-00000000", "alg": "ES256", "typ": "at+jwt"});
    let unknown = with_header(token, &unknown);
    for _ in 0..140 {
        let (status, _) = rig.get("/mcp/tools", &unknown).await;
        assert_eq!(status, 401);
        if published(rig).await == kids {
            return;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    panic!("the server did not look:\n{}", rig.handler.log());
}

/// A server whose keys are in the vault.
async fn rig() -> Rig {
    let rig = Rig::unready(async |stand_ins| {
        let role = json!({"role": "secrets_officer"});
        control(stand_ins, "vault-access", role).await;
        secretless(stand_ins)
    })
    .await;
    let (done, text) = keys(&rig, &["init"]).await;
    assert!(done, "{text}");
    rig.handler.wait().await;
    rig
}

#[tokio::test]
async fn while_the_vault_is_away_a_key_that_is_not_known_yet_is_no_reason_to_sign_in_again() {
    let rig = rig().await;
    let tokens = Person::new(&rig, "writer").tokens().await;
    let down = json!({"route": "/secrets/", "status": 503, "times": 1_000_000});
    control(&rig.stand_ins, "faults", down).await;
    let newer = json!({"kid": "2026-01-01-00000000", "alg": "ES256", "typ": "at+jwt"});
    let newer = with_header(&access(&tokens), &newer);
    let (status, answer) = rig.get("/mcp/tools", &newer).await;
    let told = (status, &answer["code"]);
    assert_eq!(told, (503, &json!("KEY_VAULT_UNREACHABLE")), "{answer}");
    let (status, _) = rig.get("/mcp/tools", &access(&tokens)).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn what_a_leaked_key_signed_is_refused_although_it_was_remembered() {
    let rig = rig().await;
    let tokens = Person::new(&rig, "writer").tokens().await;
    let token = access(&tokens);
    for _ in 0..2 {
        let (status, _) = rig.get("/mcp/tools", &token).await;
        assert_eq!(status, 200);
    }
    let leaked = kid(&token);
    let (done, text) = keys(&rig, &["rotate", "--drop", &leaked]).await;
    assert!(!done && text.contains("it is the current one"), "{text}");
    let arguments = ["rotate", "--drop", &leaked, "--compromised"];
    let (done, text) = keys(&rig, &arguments).await;
    assert!(done && text.contains("is gone (sig)"), "{text}");
    let officer = Officer::of(&rig.stand_ins);
    let left = super::kids(&officer.ring().await, "sig");
    assert_eq!(left.len(), 1);
    until_it_publishes(&rig, &token, &left).await;
    let (status, _) = rig.get("/mcp/tools", &token).await;
    assert_eq!(status, 401);
    // The sign-in goes on.
    let body = json!({"refresh_token": tokens["refresh_token"]});
    let refresh = rig.http.post(rig.url("/auth/refresh")).json(&body);
    let (status, refreshed) = rig.ask(refresh).await;
    assert_eq!(status, 200, "{refreshed}");
    assert_eq!(kid(&access(&refreshed)), left[0]);
    let (status, _) = rig.get("/mcp/tools", &access(&refreshed)).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn keys_rotate_without_a_restart_and_old_tokens_go_on() {
    let rig = rig().await;
    let before = Person::new(&rig, "writer").tokens().await;
    let old = published(&rig).await;
    assert_eq!(old, [kid(&access(&before))]);

    // Published before it signs: a new sign-in is still signed by the old one.
    let (done, text) = keys(&rig, &["rotate"]).await;
    assert!(done, "{text}");
    let officer = Officer::of(&rig.stand_ins);
    let both: Vec<String> = super::kids(&officer.ring().await, "sig");
    assert_eq!((both.len(), &both[0]), (2, &old[0]));
    until_it_publishes(&rig, &access(&before), &both).await;
    let during = Person::new(&rig, "reader").tokens().await;
    assert_eq!(kid(&access(&during)), old[0]);

    // Ten minutes later it signs, and the old one verifies on.
    age(&officer, 11).await;
    let (done, text) = keys(&rig, &["rotate"]).await;
    assert!(done, "{text}");
    let mut after = Person::new(&rig, "deleter").tokens().await;
    for _ in 0..35 {
        let (status, _) = rig
            .get(
                "/mcp/tools",
                &with_header(
                    &access(&before),
                    &json!({"kid": "2026-01-01-00000001", "alg": "ES256", "typ": "at+jwt"}),
                ),
            )
            .await;
        assert_eq!(status, 401);
        if kid(&access(&after)) == both[1] {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        after = Person::new(&rig, "deleter").tokens().await;
    }
    assert_eq!(kid(&access(&after)), both[1]);
    for tokens in [&before, &during, &after] {
        let (status, _) = rig.get("/mcp/tools", &access(tokens)).await;
        assert_eq!(status, 200);
    }
    assert_eq!(published(&rig).await, both);
    // What was encrypted by the key before opens, and is written by the new.
    let body = json!({"refresh_token": before["refresh_token"]});
    let refresh = rig.http.post(rig.url("/auth/refresh")).json(&body);
    let (status, refreshed) = rig.ask(refresh).await;
    assert_eq!(status, 200, "{refreshed}");
    assert_eq!(kid(&access(&refreshed)), both[1]);
    let log = rig.handler.log();
    assert_eq!(log.matches("\"message\":\"listening\"").count(), 1);
}
