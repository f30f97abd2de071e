//! `/token` with codes, and who may use it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::application::{Application, LOOPBACK, VERIFIER};
use crate::rig::{DoubleClick, Person, Rig};

fn error(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"].as_str().unwrap_or("none"))
}

#[tokio::test]
async fn a_code_gives_tokens_that_nobody_keeps() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let code = application
        .code(&mut Person::new(&rig, "writer"), &[])
        .await;
    let form = [
        ("client_id", application.id.as_str()),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", LOOPBACK),
    ];
    let response = rig
        .http
        .post(rig.url("/token"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let tokens: Value = response.json().await.unwrap();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"], "mcp");
    assert!(tokens["refresh_token"].is_string());
    let life = tokens["expires_in"].as_i64().unwrap();
    assert!((1..=3600).contains(&life), "{life}");
    let access = tokens["access_token"].as_str().unwrap();
    let (status, tools) = rig.get("/mcp/tools", access).await;
    assert_eq!(status, 200);
    assert!(tools.to_string().contains("set_weather_alert"));
}

#[tokio::test]
async fn a_code_needs_its_verifier_its_redirect_uri_its_client_and_its_resource() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let other = Application::register(&rig, LOOPBACK).await;
    let code = application
        .code(&mut Person::new(&rig, "reader"), &[])
        .await;
    let wrong_verifier = "x".repeat(43);
    let webhook = format!("{}/runtime/webhooks/mcp", rig.handler.base);
    let with = |verifier: &'static str, redirect: &'static str| {
        vec![
            ("grant_type", "authorization_code"),
            ("code_verifier", verifier),
            ("redirect_uri", redirect),
        ]
    };
    for (application, mut fields, expected) in [
        (&application, with("", LOOPBACK), (400, "invalid_request")),
        (
            &application,
            with("short", LOOPBACK),
            (400, "invalid_grant"),
        ),
        (
            &application,
            with(VERIFIER, "http://127.0.0.1:1/callback"),
            (400, "invalid_grant"),
        ),
        (&other, with(VERIFIER, LOOPBACK), (400, "invalid_grant")),
    ] {
        fields.push(("code", &code));
        assert_eq!(
            error(&application.token(&fields).await),
            expected,
            "{fields:?}"
        );
    }
    let mut fields = with(VERIFIER, LOOPBACK);
    fields.extend([("code", code.as_str()), ("resource", &webhook)]);
    assert_eq!(
        error(&application.token(&fields).await),
        (400, "invalid_target")
    );
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", &wrong_verifier),
    ];
    assert_eq!(
        error(&application.token(&fields).await),
        (400, "invalid_grant")
    );
    // None of that used it up; and OAuth 2.1 does not name the URI again.
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(application.token(&fields).await.0, 200);
}

#[tokio::test]
async fn two_hundred_redemptions_of_one_code_at_once_succeed_once() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let code = application
        .code(&mut Person::new(&rig, "reader"), &[])
        .await;
    let double_click = DoubleClick::begin();
    let attempts = (0..200).map(|_| application.redeem(&code));
    let answers = futures::future::join_all(attempts).await;
    let good: Vec<_> = answers
        .iter()
        .filter(|(status, _)| *status == 200)
        .collect();
    assert_eq!(good.len(), 1);
    assert!(
        answers
            .iter()
            .filter(|(status, _)| *status != 200)
            .all(|answer| error(answer) == (400, "invalid_grant"))
    );
    // All of them had client and verifier: a double click, no theft.
    let access = good[0].1["access_token"].as_str().unwrap();
    double_click.took_nothing(rig.get("/mcp/tools", access).await.0);
}

#[tokio::test]
async fn a_used_code_with_another_verifier_ends_what_it_gave() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let code = application
        .code(&mut Person::new(&rig, "reader"), &[])
        .await;
    let (_, tokens) = application.redeem(&code).await;
    let wrong = "x".repeat(43);
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", &wrong),
    ];
    assert_eq!(
        error(&application.token(&fields).await),
        (400, "invalid_grant")
    );
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(rig.get("/mcp/tools", access).await.0, 401);
    let refreshed = application.refresh(&tokens["refresh_token"]).await;
    assert_eq!(error(&refreshed), (400, "invalid_grant"));
}

#[tokio::test]
async fn an_unknown_client_is_401_and_challenged_only_by_the_scheme_it_used() {
    let rig = Rig::start().await;
    let unknown = Application::known(&rig, "er-00000000000000000000000000000000", LOOPBACK);
    let answer = unknown.redeem("code").await;
    assert_eq!(error(&answer), (401, "invalid_client"));
    let form = [("grant_type", "authorization_code"), ("code", "x")];
    let request = rig.http.post(rig.url("/token")).form(&form);
    let basic = request
        .basic_auth(&unknown.id, Some("secret"))
        .send()
        .await
        .unwrap();
    assert_eq!(basic.status(), 401);
    assert!(
        basic.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Basic")
    );
    let form = [
        ("client_id", unknown.id.as_str()),
        ("grant_type", "authorization_code"),
    ];
    let plain = rig
        .http
        .post(rig.url("/token"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(plain.status(), 401);
    assert!(!plain.headers().contains_key("www-authenticate"));
}

#[tokio::test]
async fn secrets_work_in_the_body_and_in_the_header_and_wrong_ones_do_not() {
    let rig = Rig::start().await;
    let body =
        json!({"redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "client_secret_post"});
    let (_, registered) = rig
        .ask(rig.http.post(rig.url("/register")).json(&body))
        .await;
    let id = registered["client_id"].as_str().unwrap();
    let secret = registered["client_secret"].as_str().unwrap();
    let application = Application::known(&rig, id, LOOPBACK);
    let mut person = Person::new(&rig, "reader");
    for basic in [false, true] {
        let code = application.code(&mut person, &[]).await;
        for (presented, expected) in [("wrong", 401), ("", 401), (secret, 200)] {
            let mut form = vec![
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("code_verifier", VERIFIER),
            ];
            let request = rig.http.post(rig.url("/token"));
            let request = if basic {
                let credentials = STANDARD.encode(format!("{id}:{presented}"));
                request.header("authorization", format!("Basic {credentials}"))
            } else {
                form.extend([("client_id", id), ("client_secret", presented)]);
                request
            };
            let (status, answer) = rig.ask(request.form(&form)).await;
            assert_eq!(status, expected, "{answer}");
        }
    }
    // Both at once is more than one way.
    let form = [("grant_type", "refresh_token"), ("client_secret", secret)];
    let both = rig
        .http
        .post(rig.url("/token"))
        .basic_auth(id, Some(secret))
        .form(&form);
    assert_eq!(error(&rig.ask(both).await), (400, "invalid_request"));
}

#[tokio::test]
async fn forms_alone_are_read_each_parameter_once_and_not_too_much() {
    let rig = Rig::start().await;
    let url = rig.url("/token");
    let json = rig
        .ask(rig.http.post(&url).json(&json!({"grant_type": "x"})))
        .await;
    assert_eq!(error(&json), (415, "invalid_request"));
    let form = |text: String| {
        rig.http
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(text)
    };
    let twice = rig
        .ask(form("grant_type=a&grant_type=a&client_id=x".to_owned()))
        .await;
    assert_eq!(error(&twice), (400, "invalid_request"));
    let large = rig
        .ask(form(format!("client_id={}", "x".repeat(70_000))))
        .await;
    assert_eq!(large.0, 413);
    let application = Application::register(&rig, LOOPBACK).await;
    let nothing = application.token(&[]).await;
    assert_eq!(error(&nothing), (400, "invalid_request"));
    for grant_type in ["password", "implicit", "client_credentials"] {
        let answer = application.token(&[("grant_type", grant_type)]).await;
        assert_eq!(
            error(&answer),
            (400, "unsupported_grant_type"),
            "{grant_type}"
        );
    }
}

#[tokio::test]
async fn garbage_is_refused_as_such() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let partition = URL_SAFE_NO_PAD.encode([7; 32]);
    let made_up = format!("ezc.{partition}.{}.{}", "0".repeat(32), "A".repeat(43));
    for code in ["x", "ezc....", "eac.a.b.c", &made_up, &"x".repeat(5_000)] {
        assert_eq!(
            error(&application.redeem(code).await),
            (400, "invalid_grant"),
            "{code}"
        );
    }
    for token in ["x", "ect.a.b.c", &made_up.replace("ezc", "ect")] {
        let answer = application.refresh(&json!(token)).await;
        assert_eq!(error(&answer), (400, "invalid_grant"), "{token}");
    }
}
