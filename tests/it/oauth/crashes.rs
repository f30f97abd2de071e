//! The host stops us by SIGKILL at any moment: what was acknowledged stays.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::application::{Application, LOOPBACK, answer, pressed};
use crate::rig::{DoubleClick, Person, Rig, location, parameter};

/// After how many milliseconds a request under way is cut off by a kill: from
/// before it arrives to after it was answered.
const MOMENTS: [u64; 6] = [0, 2, 5, 10, 20, 60];

#[tokio::test]
async fn a_kill_between_any_two_steps_loses_nothing() {
    let mut rig = Rig::start().await;
    let id = Application::register(&rig, LOOPBACK).await.id;
    rig.restart().await;
    let mut person = Person::new(&rig, "writer");
    let page = Application::known(&rig, &id, LOOPBACK)
        .ask(&mut person, &[])
        .await;
    let cookies = person.leave();
    rig.restart().await;
    let mut person = Person::returning(&rig, "writer", cookies);
    let response = answer(&rig, &mut person, &page, "approve", &[]).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let (entra, cookies) = (location(&response), person.leave());
    rig.restart().await;
    let person = Person::returning(&rig, "writer", cookies);
    let callback = person.sign_in_at_entra(&entra).await;
    let cookies = person.leave();
    rig.restart().await;
    let mut person = Person::returning(&rig, "writer", cookies);
    let code = parameter(&location(&person.visit(&callback).await), "code").unwrap();
    rig.restart().await;
    let (status, tokens) = Application::known(&rig, &id, LOOPBACK).redeem(&code).await;
    assert_eq!(status, 200, "{tokens}");
    rig.restart().await;
    let (status, next) = Application::known(&rig, &id, LOOPBACK)
        .refresh(&tokens["refresh_token"])
        .await;
    assert_eq!(status, 200, "{next}");
    rig.restart().await;
    let application = Application::known(&rig, &id, LOOPBACK);
    let access = next["access_token"].as_str().unwrap();
    assert_eq!(rig.get("/mcp/tools", access).await.0, 200);
    // The answer that was lost in the kill comes again, and theft is still
    // known as such.
    let (status, again) = application.refresh(&tokens["refresh_token"]).await;
    assert_eq!(
        (status, &again["refresh_token"]),
        (200, &next["refresh_token"])
    );
    assert_eq!(application.refresh(&next["refresh_token"]).await.0, 200);
    assert_eq!(application.refresh(&tokens["refresh_token"]).await.0, 400);
    assert_eq!(rig.get("/mcp/tools", access).await.0, 401);
}

/// An answer that arrived although the server was killed meanwhile.
struct Arrived {
    status: u16,
    location: Option<String>,
    body: Value,
}

/// Sends a request, kills the server so long after, and starts it again.
async fn killed_meanwhile(rig: &mut Rig, after: u64, request: RequestBuilder) -> Option<Arrived> {
    let answer = tokio::spawn(async move {
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        if matches!(status, 502 | 503) {
            // The host says that the handler did not answer, or is not there;
            // or the new process was asked and is not ready.
            return None;
        }
        let header = response.headers().get("location");
        let location = header.map(|value| value.to_str().unwrap().to_owned());
        let text = response.text().await.ok()?;
        Some(Arrived {
            status,
            location,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
        })
    });
    tokio::time::sleep(Duration::from_millis(after)).await;
    rig.restart().await;
    answer.await.unwrap()
}

/// Whoever was cut off begins again, and gets in.
async fn begins_again(rig: &Rig) {
    let client = Application::register(rig, LOOPBACK).await;
    let tokens = client.tokens(&mut Person::new(rig, "writer"), &[]).await;
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(rig.get("/mcp/tools", access).await.0, 200);
}

#[tokio::test]
async fn a_kill_in_the_middle_of_registering_loses_no_registration_that_was_answered() {
    let mut rig = Rig::start().await;
    for after in MOMENTS {
        let body = json!({"redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "none"});
        let request = rig.http.post(rig.url("/register")).json(&body);
        if let Some(arrived) = killed_meanwhile(&mut rig, after, request).await {
            assert_eq!(arrived.status, 201);
            let id = arrived.body["client_id"].as_str().unwrap();
            let client = Application::known(&rig, id, LOOPBACK);
            client.ask(&mut Person::new(&rig, "writer"), &[]).await;
        }
    }
    begins_again(&rig).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_asking_or_consenting_is_mended_by_doing_it_again() {
    let mut rig = Rig::start().await;
    let id = Application::register(&rig, LOOPBACK).await.id;
    for after in MOMENTS {
        let authorize = Application::known(&rig, &id, LOOPBACK).authorize(&[]);
        let request = Person::new(&rig, "writer").visit_unanswered(&authorize);
        let arrived = killed_meanwhile(&mut rig, after, request).await;
        let mut person = Person::new(&rig, "writer");
        if let Some(page) = arrived.and_then(|arrived| arrived.location) {
            assert_eq!(person.visit(&page).await.status(), StatusCode::OK);
        }
        let client = Application::known(&rig, &id, LOOPBACK);
        let page = client.ask(&mut person, &[]).await;
        let shown = person.visit(&page).await.text().await.unwrap();
        let form = pressed(&shown, "approve");
        let consent = rig.url("/consent");
        let request = person.submit_unanswered(&consent, &form);
        let cookies = person.leave();
        killed_meanwhile(&mut rig, after, request).await;
        // The same form again is the same sign-in.
        let mut person = Person::returning(&rig, "writer", cookies);
        let again = person.submit(&consent, &form, &[]).await;
        assert_eq!(again.status(), StatusCode::SEE_OTHER);
        let callback = person.sign_in_at_entra(&location(&again)).await;
        let back = location(&person.visit(&callback).await);
        let client = Application::known(&rig, &id, LOOPBACK);
        let code = parameter(&back, "code").unwrap_or_else(|| panic!("no code: {back}"));
        assert_eq!(client.redeem(&code).await.0, 200);
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_of_the_callback_gives_one_code_or_none() {
    let mut rig = Rig::start().await;
    let id = Application::register(&rig, LOOPBACK).await.id;
    for after in MOMENTS {
        let mut person = Person::new(&rig, "writer");
        let client = Application::known(&rig, &id, LOOPBACK);
        let entra = client.approve(&mut person, &[]).await;
        let callback = person.sign_in_at_entra(&entra).await;
        let request = person.visit_unanswered(&callback);
        let cookies = person.leave();
        let arrived = killed_meanwhile(&mut rig, after, request).await;
        let first = arrived
            .and_then(|arrived| arrived.location)
            .and_then(|back| parameter(&back, "code"));
        let mut person = Person::returning(&rig, "writer", cookies);
        let again = person.visit(&callback).await;
        let second = match again.status() {
            StatusCode::FOUND => parameter(&location(&again), "code"),
            status => {
                assert_eq!(status, StatusCode::BAD_REQUEST);
                None
            }
        };
        let codes: Vec<_> = first.iter().chain(&second).collect();
        assert!(codes.len() <= 1, "{after} ms");
        let client = Application::known(&rig, &id, LOOPBACK);
        for code in codes {
            assert_eq!(client.redeem(code).await.0, 200);
            assert_eq!(client.redeem(code).await.0, 400);
        }
        begins_again(&rig).await;
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_of_redeeming_gives_tokens_once_or_never() {
    let mut rig = Rig::start().await;
    let id = Application::register(&rig, LOOPBACK).await.id;
    for after in MOMENTS {
        let client = Application::known(&rig, &id, LOOPBACK);
        let code = client.code(&mut Person::new(&rig, "writer"), &[]).await;
        let request = client.redemption(&code);
        let double_click = DoubleClick::begin();
        let arrived = killed_meanwhile(&mut rig, after, request).await;
        let client = Application::known(&rig, &id, LOOPBACK);
        let (status, tokens) = client.redeem(&code).await;
        let first = arrived.filter(|arrived| arrived.status == 200);
        match (first, status) {
            (Some(first), 400) => {
                let access = first.body["access_token"].as_str().unwrap();
                double_click.took_nothing(rig.get("/mcp/tools", access).await.0);
            }
            // Used up without an answer, or not used at all.
            (None, 200 | 400) => {}
            (_, status) => panic!("{after} ms: {status} {tokens}"),
        }
        begins_again(&rig).await;
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_of_refreshing_logs_nobody_out() {
    let mut rig = Rig::start().await;
    let client = Application::register(&rig, LOOPBACK).await;
    let mut tokens = client.tokens(&mut Person::new(&rig, "writer"), &[]).await;
    let id = client.id.clone();
    drop(client);
    for after in MOMENTS {
        let client = Application::known(&rig, &id, LOOPBACK);
        let request = client.refreshing(&tokens["refresh_token"]);
        let arrived = killed_meanwhile(&mut rig, after, request).await;
        let client = Application::known(&rig, &id, LOOPBACK);
        let (status, again) = client.refresh(&tokens["refresh_token"]).await;
        assert_eq!(status, 200, "{after} ms: {again}");
        if let Some(arrived) = arrived {
            assert_eq!(arrived.body["refresh_token"], again["refresh_token"]);
        }
        let access = again["access_token"].as_str().unwrap();
        assert_eq!(rig.get("/mcp/tools", access).await.0, 200);
        tokens = again;
    }
}
