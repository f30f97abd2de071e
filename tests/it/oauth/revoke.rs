//! `/revoke`.

use serde_json::Value;

use super::application::{Application, LOOPBACK};
use crate::rig::{Person, Rig};

async fn revoke(rig: &Rig, client_id: &str, token: &str) -> u16 {
    let form = [("client_id", client_id), ("token", token)];
    let request = rig.http.post(rig.url("/revoke")).form(&form);
    request.send().await.unwrap().status().as_u16()
}

async fn is_good(rig: &Rig, tokens: &Value) -> bool {
    rig.get("/mcp/tools", tokens["access_token"].as_str().unwrap())
        .await
        .0
        == 200
}

#[tokio::test]
async fn a_token_of_either_kind_ends_the_sign_in() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    for kind in ["refresh_token", "access_token"] {
        let tokens = application
            .tokens(&mut Person::new(&rig, "reader"), &[])
            .await;
        assert!(is_good(&rig, &tokens).await);
        let token = tokens[kind].as_str().unwrap();
        assert_eq!(revoke(&rig, &application.id, token).await, 200);
        assert!(!is_good(&rig, &tokens).await, "{kind}");
        let (status, _) = application.refresh(&tokens["refresh_token"]).await;
        assert_eq!(status, 400);
        // Again is no error.
        assert_eq!(revoke(&rig, &application.id, token).await, 200);
    }
}

#[tokio::test]
async fn what_is_unknown_or_another_clients_changes_nothing() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let other = Application::register(&rig, LOOPBACK).await;
    let tokens = application
        .tokens(&mut Person::new(&rig, "reader"), &[])
        .await;
    for kind in ["refresh_token", "access_token"] {
        assert_eq!(
            revoke(&rig, &other.id, tokens[kind].as_str().unwrap()).await,
            200
        );
    }
    assert_eq!(revoke(&rig, &application.id, "nothing").await, 200);
    assert!(is_good(&rig, &tokens).await);
    assert_eq!(
        revoke(&rig, "er-00000000000000000000000000000000", "x").await,
        401
    );
    assert_eq!(revoke(&rig, &application.id, "").await, 400);
}
