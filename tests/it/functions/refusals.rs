//! Who is not let in at a tool's function, and who never gets there.

use entrada::identity::{Audience, Door, OwnTokens, TokenTerms};
use entrada_stand_ins::TokenRequest;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{bearer, call, complaint, post, result, trigger, wrapped};
use crate::bad_input::answer_to_large;
use crate::rig::{Person, Rig, through_host};

#[tokio::test]
async fn without_a_token_a_caller_is_told_where_to_sign_in() {
    let rig = Rig::start().await;
    let anonymous = trigger("whoami", &json!({}), &json!({"Accept": "*/*"})).to_string();
    let refused = post(&rig, "whoami", wrapped(&anonymous)).await;
    let text = complaint(&refused);
    let base = &rig.handler.base;
    let metadata = format!("{base}/.well-known/oauth-protected-resource/runtime/webhooks/mcp");
    for part in [
        "no access token was sent",
        &metadata,
        &format!("connect to {base}/mcp instead"),
    ] {
        assert!(text.contains(part), "{text}");
    }
    let challenge = refused["_meta"]["mcp/www_authenticate"][0]
        .as_str()
        .unwrap();
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    assert!(challenge.contains(&metadata), "{challenge}");
    assert!(challenge.contains(&scope()), "{challenge}");
}

/// The scope of this door's challenges: the one of its metadata, which Entra
/// knows too.
fn scope() -> String {
    let client = entrada_stand_ins::directory::CLIENT_ID;
    format!("scope=\"api://{client}/access_as_user\"")
}

#[tokio::test]
async fn whoever_asks_for_the_scope_of_the_challenge_is_let_in() {
    use crate::oauth::application::{Application, LOOPBACK};
    let rig = Rig::start().await;
    let lacking = token_for(Door::Webhook, "other", &rig.own_tokens());
    let refused = call(&rig, "whoami", json!({}), &bearer(&lacking)).await;
    let challenge = &refused["_meta"]["mcp/www_authenticate"][0];
    let challenge = challenge.as_str().unwrap();
    assert!(
        challenge.contains("error=\"insufficient_scope\""),
        "{challenge}"
    );
    assert!(challenge.contains(&scope()), "{challenge}");
    let asked = scope().split('"').nth(1).unwrap().to_owned();
    let resource = format!("{}/runtime/webhooks/mcp", rig.handler.base);
    let application = Application::register(&rig, LOOPBACK).await;
    let tokens = application
        .tokens(
            &mut Person::new(&rig, "reader"),
            &[("resource", &resource), ("scope", &asked)],
        )
        .await;
    assert_eq!(tokens["scope"], asked, "{tokens}");
    let own = bearer(tokens["access_token"].as_str().unwrap());
    let answer = call(&rig, "whoami", json!({}), &own).await;
    assert_eq!(answer["isError"], false, "{answer}");
}

#[tokio::test]
async fn the_public_tool_answers_without_a_token_but_not_a_bad_one() {
    let rig = Rig::start().await;
    let name = "get_authentication_info";
    let anonymous = trigger(name, &json!({}), &json!({})).to_string();
    let info = post(&rig, name, wrapped(&anonymous)).await;
    let login = format!("{}/auth/login", rig.handler.base);
    assert_eq!(info["structuredContent"]["login_url"], login, "{info}");
    let refused = call(&rig, name, json!({}), "Bearer nonsense").await;
    assert!(complaint(&refused).contains("Not let in"));
}

#[tokio::test]
async fn a_bad_token_is_refused_and_the_reason_named() {
    let rig = Rig::start().await;
    let reader = || TokenRequest::for_persona("reader");
    let good = rig.token("reader");
    let expired = rig.mint(&TokenRequest {
        expires_in: Some(-600),
        ..reader()
    });
    let elsewhere = rig.mint(&reader().with("aud", "00000003-0000-0000-c000-000000000000"));
    for (authorization, reason) in [
        (bearer(&expired), "expired"),
        (bearer(&elsewhere), "audience"),
        (bearer(&rig.token("guest")), "tenant"),
        // Two headers, as the extension joins them.
        (
            format!("{},{}", bearer(&good), bearer(&good)),
            "one access token",
        ),
        ("Basic abc".to_owned(), "one access token"),
        (String::new(), "one access token"),
        (format!("Bearer {good}\r\nX: y"), "one access token"),
    ] {
        let refused = call(&rig, "whoami", json!({}), &authorization).await;
        let text = complaint(&refused);
        assert!(text.contains(reason), "{reason}: {text}");
        assert!(!refused.to_string().contains(&good), "{text}");
    }
}

#[tokio::test]
async fn a_token_for_another_door_does_not_open_this_one() {
    let rig = Rig::start().await;
    let tokens = Person::new(&rig, "reader").tokens().await;
    let own = bearer(tokens["access_token"].as_str().unwrap());
    // What a front end has opens every door.
    let answer = call(&rig, "whoami", json!({}), &own).await;
    assert_eq!(answer["isError"], false, "{answer}");
    let of_mcp = token_for(Door::Mcp, "mcp", &rig.own_tokens());
    let refused = call(&rig, "whoami", json!({}), &bearer(&of_mcp)).await;
    assert!(complaint(&refused).contains("another resource than /runtime/webhooks/mcp"));
}

/// A token that the server itself would issue for a door.
fn token_for(door: Door, scope: &str, issuer: &OwnTokens) -> String {
    let terms = TokenTerms {
        kind: entrada_entra::SubjectKind::User,
        tenant_id: entrada_stand_ins::directory::CONTOSO,
        object_id: uuid::Uuid::from_u128(7),
        name: None,
        email: None,
        roles: vec!["Task.Read".to_owned()],
        client_id: "client".to_owned(),
        grant_id: uuid::Uuid::from_u128(8),
        audience: Audience::only(door),
        scope: scope.to_owned(),
        signed_in_at: 1_700_000_000,
        expires_at: 4_000_000_000,
    };
    let token = issuer.issue(terms).unwrap();
    token.expose_secret().to_owned()
}

#[tokio::test]
async fn requests_from_outside_find_nothing_at_a_functions_path() {
    let rig = Rig::start().await;
    let headers = json!({"authorization": bearer(&rig.token("all"))});
    let body = wrapped(&trigger("whoami", &json!({}), &headers).to_string());
    let (_, nothing) = rig.ask(rig.http.post(rig.url("/no-such-route"))).await;
    for path in ["whoami", "get_weather", "sweep"] {
        for (name, value) in [
            ("x-ms-invocation-id", "1"),
            ("X-Forwarded-Host", "entrada.example"),
            ("X-Forwarded-For", "192.0.2.1"),
            ("X-Forwarded-Proto", "https"),
            ("Forwarded", "for=192.0.2.1"),
        ] {
            let request = rig.http.post(rig.handler.wrapped_url(path));
            let request = request
                .header(name, value)
                .header("content-type", "application/json")
                .body(body.clone());
            let (status, error) = rig.ask(request).await;
            assert_eq!(status, 404, "{path} {name}");
            assert_eq!(error["detail"], nothing["detail"], "{path} {name}");
        }
        let (status, _) = rig.ask(rig.http.get(rig.handler.wrapped_url(path))).await;
        assert_eq!(status, 404, "{path}");
        if rig.handler.host().is_some() {
            // The host itself proxies what comes from outside.
            let request = rig.http.post(rig.url(&format!("/{path}")));
            let (status, error) = rig.ask(request.body(body.clone())).await;
            assert_eq!(status, 404, "{path}");
            assert_eq!(error["detail"], nothing["detail"], "{path}");
        }
    }
}

/// A wrapped call brings its caller's headers, the address that limits go by
/// included: nobody but a host is believed.
#[tokio::test]
async fn where_no_functions_host_is_in_front_nothing_takes_wrapped_calls() {
    if through_host() {
        return;
    }
    let rig = Rig::with(&[
        ("FUNCTIONS_CUSTOMHANDLER_PORT", ""),
        ("ENTRADA_CLIENT_IP_HEADER", "x-real-ip"),
    ])
    .await;
    let headers = json!({"authorization": bearer(&rig.token("all")), "x-real-ip": "192.0.2.1"});
    let (_, nothing) = rig.ask(rig.http.post(rig.url("/no-such-route"))).await;
    for path in ["whoami", "get_authentication_info", "sweep"] {
        let body = wrapped(&trigger(path, &json!({}), &headers).to_string());
        let request = rig.http.post(rig.handler.wrapped_url(path));
        let request = request.header("content-type", "application/json");
        let (status, error) = rig.ask(request.body(body)).await;
        assert_eq!(status, 404, "{path}");
        assert_eq!(error["detail"], nothing["detail"], "{path}");
    }
}

#[tokio::test]
async fn what_is_no_wrapped_call_gets_a_result_that_can_be_read() {
    let rig = Rig::start().await;
    for body in ["", "{}", "null", "[1]", r#"{"Data":{"context":"x"}}"#] {
        let answer = post(&rig, "whoami", body.to_owned()).await;
        assert!(complaint(&answer).contains("the Functions host"), "{body}");
    }
}

#[tokio::test]
async fn a_call_of_sixteen_megabytes_is_taken_and_a_larger_one_answered() {
    let rig = Rig::start().await;
    let reader = bearer(&rig.token("reader"));
    let call = |length: usize| {
        let arguments = json!({"city": "x".repeat(length)});
        let headers = json!({"Authorization": reader});
        wrapped(&trigger("get_weather", &arguments, &headers).to_string())
    };
    // The payload comes in two copies.
    let taken = call(8_000_000);
    assert!(taken.len() > 16_000_000 && taken.len() < 16 << 20);
    let answer = post(&rig, "get_weather", taken).await;
    assert!(complaint(&answer).contains("city"), "the schema refuses it");
    let url = rig.handler.wrapped_url("get_weather");
    let headers = [
        ("user-agent", "Azure-Functions-Host/4.1050.0.0"),
        ("x-azure-functions-invocationid", "1"),
        ("content-type", "application/json; charset=utf-8"),
    ];
    for length in [9_000_000, 40_000_000] {
        let (status, answer) = answer_to_large(&url, &headers, &call(length)).await;
        assert_eq!(status, 200);
        assert!(complaint(&result(&answer)).starts_with("The call is too large"));
    }
}
