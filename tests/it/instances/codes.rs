//! Codes and refresh tokens are good once, on whichever server.

use std::collections::BTreeSet;
use std::time::Duration;

use entrada_ambient::{Clock as _, SystemClock};
use futures::future::join_all;
use serde_json::{Value, json};

use super::Two;
use crate::oauth::application::{Application, LOOPBACK};
use crate::rig::Person;

/// How many ask at once: fewer where the machine is too slow for more.
const MANY: [usize; 3] = [200, 50, 10];

/// Storage, the audit log and the allowance for a double click have patience
/// for so long or longer. Past that a good server may say 503, or end what is
/// redeemed again.
const PATIENCE: Duration = Duration::from_secs(8);

/// For how long a refresh token that was used has the same successor.
const GRACE: Duration = Duration::from_mins(1);

/// What is answered to so many at once, and how long all of it took.
async fn at_once<F>(number: usize, ask: impl Fn(usize) -> F) -> (Vec<(u16, Value)>, Duration)
where
    F: Future<Output = (u16, Value)>,
{
    let clock = SystemClock::new();
    let began = clock.monotonic();
    let answers = join_all((0..number).map(ask)).await;
    let took = clock.monotonic().saturating_sub(began);
    println!("instances: {number} at once took {took:?}");
    (answers, took)
}

/// Whether so many were too many for the machine: then fewer are to show the
/// whole.
fn were_too_many(number: usize, took: Duration) -> bool {
    took >= PATIENCE && number > MANY[2]
}

fn error(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"].as_str().unwrap_or("none"))
}

#[tokio::test]
async fn two_hundred_redemptions_of_one_code_on_two_servers_succeed_once() {
    let two = Two::start().await;
    let application = Application::register(&two.rig, LOOPBACK).await;
    for number in MANY {
        let code = application
            .code(&mut Person::new(&two.rig, "reader"), &[])
            .await;
        let redeem = |turn| {
            let (client, code) = (application.balanced_to(two.server(turn)), code.clone());
            async move { client.redeem(&code).await }
        };
        let (answers, took) = at_once(number, redeem).await;
        let (good, bad): (Vec<_>, Vec<_>) = answers.iter().partition(|(status, _)| *status == 200);
        if were_too_many(number, took) {
            assert!(good.len() <= 1, "{}", good.len());
            let refused =
                |answer: &(u16, Value)| answer.0 == 503 || error(answer) == (400, "invalid_grant");
            assert!(bad.into_iter().all(refused), "{answers:?}");
            continue;
        }
        assert_eq!(good.len(), 1);
        for answer in bad {
            assert_eq!(error(answer), (400, "invalid_grant"));
        }
        // All of them had client and verifier: a double click, no theft.
        let access = good[0].1["access_token"].as_str().unwrap();
        for turn in 0..2 {
            assert_eq!(two.get(two.server(turn), "/mcp/tools", access).await, 200);
        }
        return;
    }
}

/// The refresh tokens that were given, each once.
fn successors(answers: &[(u16, Value)]) -> BTreeSet<&str> {
    let given = answers.iter().filter(|(status, _)| *status == 200);
    given
        .map(|(_, answer)| answer["refresh_token"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn two_hundred_refreshes_on_two_servers_yield_one_successor_and_log_nobody_out() {
    let two = Two::start().await;
    let application = Application::register(&two.rig, LOOPBACK).await;
    for number in MANY {
        let tokens = application
            .tokens(&mut Person::new(&two.rig, "reader"), &[])
            .await;
        let refresh = |turn| {
            let client = application.balanced_to(two.server(turn));
            let token = tokens["refresh_token"].clone();
            async move { client.refresh(&token).await }
        };
        let (answers, took) = at_once(number, refresh).await;
        let successors = successors(&answers);
        if were_too_many(number, took) {
            if took < GRACE {
                assert!(successors.len() <= 1, "{}", successors.len());
                let answered = |answer: &(u16, Value)| [200, 503].contains(&answer.0);
                assert!(answers.iter().all(answered), "{answers:?}");
            }
            continue;
        }
        for (status, answer) in &answers {
            assert_eq!(*status, 200, "{answer}");
        }
        assert_eq!(successors.len(), 1);
        let successor = json!(successors.first());
        assert_ne!(successor, tokens["refresh_token"]);
        // Every one of the answers is good, and so is what comes after.
        for (turn, (_, answer)) in answers.iter().enumerate().take(6) {
            let access = answer["access_token"].as_str().unwrap();
            let server = two.server(turn + 1);
            assert_eq!(two.get(server, "/mcp/tools", access).await, 200);
        }
        let mut current = successor;
        for turn in 0..4 {
            let client = application.balanced_to(two.server(turn));
            let (status, next) = client.refresh(&current).await;
            assert_eq!(status, 200, "{next}");
            current = next["refresh_token"].clone();
        }
        return;
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
