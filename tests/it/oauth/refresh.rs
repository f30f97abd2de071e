//! Refresh tokens of `/token`: rotation, grace, theft.

use serde_json::{Value, json};

use super::application::{Application, LOOPBACK};
use crate::rig::{Person, Rig};

fn error(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"].as_str().unwrap_or("none"))
}

#[tokio::test]
async fn two_hundred_refreshes_at_once_yield_one_successor() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let tokens = application
        .tokens(&mut Person::new(&rig, "reader"), &[])
        .await;
    let attempts = (0..200).map(|_| application.refresh(&tokens["refresh_token"]));
    let answers = futures::future::join_all(attempts).await;
    let mut successors: Vec<_> = answers
        .iter()
        .map(|(status, answer)| {
            assert_eq!(*status, 200, "{answer}");
            answer["refresh_token"].as_str().unwrap()
        })
        .collect();
    successors.sort_unstable();
    successors.dedup();
    assert_eq!(successors.len(), 1);
    assert_ne!(json!(successors[0]), tokens["refresh_token"]);
}

#[tokio::test]
async fn a_replay_after_the_successors_first_use_ends_the_family() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let first = application
        .tokens(&mut Person::new(&rig, "reader"), &[])
        .await;
    let (_, second) = application.refresh(&first["refresh_token"]).await;
    // Before it: the same successor, since the answer may have been lost.
    let (_, repeated) = application.refresh(&first["refresh_token"]).await;
    assert_eq!(repeated["refresh_token"], second["refresh_token"]);
    let (_, third) = application.refresh(&second["refresh_token"]).await;
    let replayed = application.refresh(&first["refresh_token"]).await;
    assert_eq!(error(&replayed), (400, "invalid_grant"));
    let ended = application.refresh(&third["refresh_token"]).await;
    assert_eq!(error(&ended), (400, "invalid_grant"));
    let access = third["access_token"].as_str().unwrap();
    assert_eq!(rig.get("/mcp/tools", access).await.0, 401);
}

#[tokio::test]
async fn tokens_of_the_two_kinds_of_sign_in_are_never_each_others() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let of_client = application
        .tokens(&mut Person::new(&rig, "reader"), &[])
        .await;
    let of_front_end = Person::new(&rig, "reader").tokens().await;
    let crossed = application.refresh(&of_front_end["refresh_token"]).await;
    assert_eq!(error(&crossed), (400, "invalid_grant"));
    let body = json!({"refresh_token": of_client["refresh_token"]});
    for path in ["/auth/refresh", "/auth/logout"] {
        let (status, _) = rig.ask(rig.http.post(rig.url(path)).json(&body)).await;
        assert_eq!(status, 400, "{path}");
    }
    let other = Application::register(&rig, LOOPBACK).await;
    let stolen = other.refresh(&of_client["refresh_token"]).await;
    assert_eq!(error(&stolen), (400, "invalid_grant"));
    // All of them are still good for whom they were made.
    assert_eq!(
        application.refresh(&of_client["refresh_token"]).await.0,
        200
    );
}

#[tokio::test]
async fn neither_resource_nor_scope_widens_and_a_refused_attempt_uses_nothing_up() {
    let rig = Rig::start().await;
    let base = rig.handler.base.clone();
    let application = Application::register(&rig, LOOPBACK).await;
    let asked = [("scope", "mcp offline_access")];
    let tokens = application
        .tokens(&mut Person::new(&rig, "reader"), &asked)
        .await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let (webhook, mcp) = (
        format!("{base}/runtime/webhooks/mcp"),
        format!("{base}/mcp"),
    );
    let refresh = |name, value| {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            (name, value),
        ];
        let application = &application;
        async move { application.token(&fields).await }
    };
    for (name, value, expected) in [
        ("resource", webhook.as_str(), "invalid_target"),
        ("resource", "https://other.example", "invalid_target"),
        ("scope", "api", "invalid_scope"),
        ("scope", "mcp api", "invalid_scope"),
    ] {
        assert_eq!(
            error(&refresh(name, value).await),
            (400, expected),
            "{value}"
        );
    }
    let (status, answer) = refresh("scope", "mcp").await;
    assert_eq!((status, &answer["scope"]), (200, &json!("mcp")));
    // The same successor again, now naming the resource.
    let (status, again) = refresh("resource", &mcp).await;
    assert_eq!(status, 200);
    assert_eq!(again["refresh_token"], answer["refresh_token"]);
}
