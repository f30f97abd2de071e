//! Codes and refresh tokens are good once, on whichever server.

use futures::future::join_all;
use serde_json::{Value, json};

use super::Two;
use crate::oauth::application::{Application, LOOPBACK};
use crate::rig::Person;

fn error(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"].as_str().unwrap_or("none"))
}

#[tokio::test]
async fn two_hundred_redemptions_of_one_code_on_two_servers_succeed_once() {
    let two = Two::start().await;
    let application = Application::register(&two.rig, LOOPBACK).await;
    let code = application
        .code(&mut Person::new(&two.rig, "reader"), &[])
        .await;
    let attempts = (0..200).map(|turn| {
        let (client, code) = (application.balanced_to(two.server(turn)), code.clone());
        async move { client.redeem(&code).await }
    });
    let answers = join_all(attempts).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|(status, _)| *status == 200);
    assert_eq!(good.len(), 1);
    for answer in bad {
        assert_eq!(error(answer), (400, "invalid_grant"));
    }
    // All of them had client and verifier: a double click, no theft.
    let access = good[0].1["access_token"].as_str().unwrap();
    for turn in 0..2 {
        assert_eq!(two.get(two.server(turn), "/mcp/tools", access).await, 200);
    }
}

#[tokio::test]
async fn two_hundred_refreshes_on_two_servers_yield_one_successor_and_log_nobody_out() {
    let two = Two::start().await;
    let application = Application::register(&two.rig, LOOPBACK).await;
    let tokens = application
        .tokens(&mut Person::new(&two.rig, "reader"), &[])
        .await;
    let attempts = (0..200).map(|turn| {
        let client = application.balanced_to(two.server(turn));
        let token = tokens["refresh_token"].clone();
        async move { client.refresh(&token).await }
    });
    let answers = join_all(attempts).await;
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
    // Every one of the answers is good, and so is what comes after.
    for (turn, (_, answer)) in answers.iter().enumerate().take(6) {
        let access = answer["access_token"].as_str().unwrap();
        let server = two.server(turn + 1);
        assert_eq!(two.get(server, "/mcp/tools", access).await, 200);
    }
    let mut current = json!(successors[0]);
    for turn in 0..4 {
        let client = application.balanced_to(two.server(turn));
        let (status, next) = client.refresh(&current).await;
        assert_eq!(status, 200, "{next}");
        current = next["refresh_token"].clone();
    }
}

#[tokio::test]
async fn a_replay_on_another_server_after_the_successors_first_use_ends_the_family() {
    let two = Two::start().await;
    let here = Application::register(&two.rig, LOOPBACK).await;
    let there = here.balanced_to(&two.second);
    let first = here.tokens(&mut Person::new(&two.rig, "reader"), &[]).await;
    let (_, second) = here.refresh(&first["refresh_token"]).await;
    let (_, repeated) = there.refresh(&first["refresh_token"]).await;
    assert_eq!(repeated["refresh_token"], second["refresh_token"]);
    let (_, third) = there.refresh(&second["refresh_token"]).await;
    let replayed = here.refresh(&first["refresh_token"]).await;
    assert_eq!(error(&replayed), (400, "invalid_grant"));
    for client in [&here, &there] {
        let ended = client.refresh(&third["refresh_token"]).await;
        assert_eq!(error(&ended), (400, "invalid_grant"));
    }
    let access = third["access_token"].as_str().unwrap();
    super::revocation::is_refused_within_ten_seconds(&two, access).await;
}
