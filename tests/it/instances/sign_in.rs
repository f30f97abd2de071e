//! A sign-in goes from server to server.

use reqwest::StatusCode;
use serde_json::json;

use super::Two;
use crate::oauth::application::{Application, LOOPBACK, answer};
use crate::rig::{Handler, Person, location, parameter};

#[tokio::test]
async fn a_clients_sign_in_changes_the_server_at_every_step() {
    let two = Two::start().await;
    let (first, second) = (&two.rig.handler, &two.second);
    let application = Application::register(&two.rig, LOOPBACK).await;
    let mut person = Person::new(&two.rig, "writer");
    person.is_balanced_to(second);
    let page = application.ask(&mut person, &[]).await;
    person.is_balanced_to(first);
    let shown = answer(&two.rig, &mut person, &page, "approve", &[]).await;
    assert_eq!(shown.status(), StatusCode::SEE_OTHER);
    let callback = person.sign_in_at_entra(&location(&shown)).await;
    person.is_balanced_to(second);
    let back = location(&person.visit(&callback).await);
    let code = parameter(&back, "code").unwrap_or_else(|| panic!("no code: {back}"));
    let (status, tokens) = application.redeem(&code).await;
    assert_eq!(status, 200, "{tokens}");
    let there = application.balanced_to(second);
    let (status, next) = there.refresh(&tokens["refresh_token"]).await;
    assert_eq!(status, 200, "{next}");
    for server in [first, second] {
        for tokens in [&tokens, &next] {
            let access = tokens["access_token"].as_str().unwrap();
            assert_eq!(two.get(server, "/mcp/tools", access).await, 200);
        }
    }
}

#[tokio::test]
async fn a_front_ends_sign_in_begun_on_one_server_is_finished_on_the_other() {
    let two = Two::start().await;
    let mut person = Person::new(&two.rig, "reader");
    let entra = person.begin("").await;
    let callback = person.sign_in_at_entra(&entra).await;
    person.is_balanced_to(&two.second);
    assert_eq!(person.visit(&callback).await.status(), StatusCode::OK);
    // One that is redeemed on both at once is redeemed on one.
    let code = person.auth_code().await;
    let body = json!({"auth_code": code});
    let redeem = |server: &Handler| {
        let request = two.rig.http.post(server.url("/auth/exchange")).json(&body);
        two.rig.ask(request)
    };
    let (here, there) = tokio::join!(redeem(&two.rig.handler), redeem(&two.second));
    let mut statuses = [here.0, there.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
}
