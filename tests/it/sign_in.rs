//! Login, callback, exchange, refresh, logout, as a browser and a front end
//! do them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::rig::{DoubleClick, Person, Rig, location, parameter};

const FRONT_END: &str = "http://localhost:5173/signed-in";
/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn post(rig: &Rig, path: &str, body: Value) -> (u16, Value) {
    rig.ask(rig.http.post(rig.url(path)).json(&body)).await
}

#[tokio::test]
async fn a_person_signs_in_refreshes_and_signs_out() {
    let rig = Rig::start().await;
    let tokens = Person::new(&rig, "writer").tokens().await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"], "api mcp");
    assert_eq!(tokens["user"]["roles"], json!(["Task.Write"]));
    assert!(tokens["expires_in"].as_i64().unwrap() <= 3600);
    let access = tokens["access_token"].as_str().unwrap();
    let (status, me) = rig.get("/api/auth/me", access).await;
    assert_eq!(status, 200);
    assert_eq!(me["name"], "Walter Writer");
    assert_eq!(me["roles"], json!(["Task.Write"]));
    // The same token opens the MCP door: its audience names both.
    let (status, tools) = rig.get("/mcp/tools", access).await;
    assert_eq!(status, 200);
    let listed = |name: &str| {
        tools["tools"]
            .as_array()
            .unwrap()
            .iter()
            .any(|tool| tool["name"] == name)
    };
    assert!(listed("set_weather_alert") && !listed("delete_weather_alert"));
    let (status, refreshed) = post(
        &rig,
        "/auth/refresh",
        json!({"refresh_token": tokens["refresh_token"]}),
    )
    .await;
    assert_eq!(status, 200, "{refreshed}");
    assert_ne!(refreshed["refresh_token"], tokens["refresh_token"]);
    let access = refreshed["access_token"].as_str().unwrap();
    let logout = rig.http.post(rig.url("/auth/logout")).bearer_auth(access);
    assert_eq!(
        logout.send().await.unwrap().status(),
        StatusCode::NO_CONTENT
    );
    let (status, error) = rig.get("/api/auth/me", access).await;
    assert_eq!(
        (status, error["code"].as_str()),
        (401, Some("TOKEN_REVOKED"))
    );
    let (status, _) = post(
        &rig,
        "/auth/refresh",
        json!({"refresh_token": refreshed["refresh_token"]}),
    )
    .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn the_roles_of_a_sign_in_are_those_that_count_here() {
    let rig = Rig::with(&[("ENTRADA_TENANTS", "fab21ca0-0000-4000-8000-000000000002")]).await;
    let roles = json!({"roles": ["MCPServer.Admin", "Task.All", "Task.Read"]});
    let guest = format!("{}stand-in/people/guest", rig.stand_ins.url());
    assert_eq!(rig.ask(rig.http.post(guest).json(&roles)).await.0, 200);
    let tokens = Person::new(&rig, "guest").tokens().await;
    assert_eq!(tokens["user"]["roles"], json!(["Task.Read"]));
    let body = json!({"refresh_token": tokens["refresh_token"]});
    let (_, refreshed) = post(&rig, "/auth/refresh", body).await;
    assert_eq!(refreshed["user"]["roles"], json!(["Task.Read"]));
    let access = refreshed["access_token"].as_str().unwrap();
    let (_, me) = rig.get("/api/auth/me", access).await;
    assert_eq!(me["roles"], json!(["Task.Read"]));
}

#[tokio::test]
async fn logout_by_refresh_token_ends_the_grant() {
    let rig = Rig::start().await;
    let tokens = Person::new(&rig, "reader").tokens().await;
    let body = json!({"refresh_token": tokens["refresh_token"]});
    let (status, _) = post(&rig, "/auth/logout", body.clone()).await;
    assert_eq!(status, 204);
    let (status, error) = rig
        .get("/api/auth/me", tokens["access_token"].as_str().unwrap())
        .await;
    assert_eq!(
        (status, error["code"].as_str()),
        (401, Some("TOKEN_REVOKED"))
    );
}

#[tokio::test]
async fn a_code_is_good_once() {
    let rig = Rig::start().await;
    let code = Person::new(&rig, "reader").auth_code().await;
    let double_click = DoubleClick::begin();
    let (status, tokens) = post(&rig, "/auth/exchange", json!({"auth_code": code})).await;
    assert_eq!(status, 200);
    let (status, error) = post(&rig, "/auth/exchange", json!({"auth_code": code})).await;
    assert_eq!(
        (status, error["code"].as_str()),
        (400, Some("INVALID_GRANT"))
    );
    // A double click within ten seconds does not sign the person out.
    let (status, _) = rig
        .get("/api/auth/me", tokens["access_token"].as_str().unwrap())
        .await;
    double_click.took_nothing(status);
}

#[tokio::test]
async fn fifty_exchanges_at_once_yield_one_token() {
    let rig = Rig::start().await;
    let code = Person::new(&rig, "reader").auth_code().await;
    let body = json!({"auth_code": code});
    let double_click = DoubleClick::begin();
    let attempts = (0..50).map(|_| post(&rig, "/auth/exchange", body.clone()));
    let answers = futures::future::join_all(attempts).await;
    let good = answers.iter().filter(|(status, _)| *status == 200).count();
    let refused = answers.iter().filter(|(status, _)| *status == 400).count();
    assert_eq!((good, refused), (1, 49), "{answers:?}");
    let tokens = answers.iter().find(|(status, _)| *status == 200).unwrap();
    let (status, _) = rig
        .get("/api/auth/me", tokens.1["access_token"].as_str().unwrap())
        .await;
    double_click.took_nothing(status);
}

#[tokio::test]
async fn a_front_end_gets_the_code_and_must_have_the_verifier() {
    let rig = Rig::start().await;
    let mut person = Person::new(&rig, "reader");
    let query = format!(
        "?redirect_uri={FRONT_END}&state=its-own&code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let authorize = person.begin(&query).await;
    let callback = person.sign_in_at_entra(&authorize).await;
    let back = person.visit(&callback).await;
    assert_eq!(back.status(), StatusCode::FOUND);
    let url = location(&back);
    assert!(url.starts_with(FRONT_END));
    assert_eq!(parameter(&url, "state").as_deref(), Some("its-own"));
    let code = parameter(&url, "auth_code").unwrap();
    for body in [
        json!({"auth_code": code}),
        json!({"auth_code": code, "code_verifier": "x".repeat(43)}),
    ] {
        let (status, _) = post(&rig, "/auth/exchange", body).await;
        assert_eq!(status, 400);
    }
    let body = json!({"auth_code": code, "code_verifier": VERIFIER});
    let (status, _) = post(&rig, "/auth/exchange", body).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_callback_belongs_to_the_browser_that_began() {
    let rig = Rig::start().await;
    let mut person = Person::new(&rig, "reader");
    let authorize = person.begin("").await;
    let callback = person.sign_in_at_entra(&authorize).await;
    let stranger = Person::new(&rig, "writer").visit(&callback).await;
    assert_eq!(stranger.status(), StatusCode::BAD_REQUEST);
    // The stranger did not use it up.
    assert_eq!(person.visit(&callback).await.status(), StatusCode::OK);
    assert_eq!(
        person.visit(&callback).await.status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn entra_is_asked_with_pkce_state_nonce_and_the_guid_scope() {
    let rig = Rig::start().await;
    let mut person = Person::new(&rig, "reader");
    let authorize = person
        .begin("?prompt=select_account&login_hint=reader@contoso.example")
        .await;
    let get = |name: &str| parameter(&authorize, name).unwrap_or_default();
    assert_eq!(get("code_challenge_method"), "S256");
    assert_eq!(get("response_type"), "code");
    assert_eq!(get("prompt"), "select_account");
    assert_eq!(get("login_hint"), "reader@contoso.example");
    assert!(get("state").len() >= 43 && get("nonce").len() >= 43);
    let client = entrada_stand_ins::directory::CLIENT_ID;
    assert_eq!(
        get("scope"),
        format!("{client}/access_as_user openid profile offline_access")
    );
    assert_eq!(parameter(&authorize, "resource"), None);
}

#[tokio::test]
async fn a_cancelled_sign_in_is_told_to_the_front_end() {
    let rig = Rig::start().await;
    let mut person = Person::new(&rig, "reader");
    let query = format!("?redirect_uri={FRONT_END}&state=s&code_challenge={CHALLENGE}");
    let authorize = person.begin(&query).await;
    let state = parameter(&authorize, "state").unwrap();
    let cancelled = rig.url(&format!("/auth/callback?error=access_denied&state={state}"));
    let back = person.visit(&cancelled).await;
    let url = location(&back);
    assert_eq!(parameter(&url, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&url, "state").as_deref(), Some("s"));
}

#[tokio::test]
async fn a_lost_answer_is_repeated_and_an_old_token_ends_the_family() {
    let rig = Rig::start().await;
    let tokens = Person::new(&rig, "reader").tokens().await;
    let first = json!({"refresh_token": tokens["refresh_token"]});
    let (_, second) = post(&rig, "/auth/refresh", first.clone()).await;
    // The answer got lost: the same successor again.
    let (status, repeated) = post(&rig, "/auth/refresh", first.clone()).await;
    assert_eq!(status, 200);
    assert_eq!(repeated["refresh_token"], second["refresh_token"]);
    let (status, third) = post(
        &rig,
        "/auth/refresh",
        json!({"refresh_token": second["refresh_token"]}),
    )
    .await;
    assert_eq!(status, 200);
    // The first again, after its successor was used: stolen.
    let (status, _) = post(&rig, "/auth/refresh", first).await;
    assert_eq!(status, 400);
    let (status, _) = post(
        &rig,
        "/auth/refresh",
        json!({"refresh_token": third["refresh_token"]}),
    )
    .await;
    assert_eq!(status, 400);
    let (status, _) = rig
        .get("/api/auth/me", third["access_token"].as_str().unwrap())
        .await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn fifty_refreshes_at_once_yield_one_successor() {
    let rig = Rig::start().await;
    let tokens = Person::new(&rig, "reader").tokens().await;
    let body = json!({"refresh_token": tokens["refresh_token"]});
    let attempts = (0..50).map(|_| post(&rig, "/auth/refresh", body.clone()));
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
}

#[tokio::test]
async fn a_sign_in_outlives_the_process() {
    let mut rig = Rig::start().await;
    let tokens = Person::new(&rig, "reader").tokens().await;
    let code = Person::new(&rig, "reader").auth_code().await;
    rig.restart().await;
    let (status, _) = rig
        .get("/api/auth/me", tokens["access_token"].as_str().unwrap())
        .await;
    assert_eq!(status, 200);
    let (status, _) = post(&rig, "/auth/exchange", json!({"auth_code": code})).await;
    assert_eq!(status, 200);
    let (status, _) = post(
        &rig,
        "/auth/refresh",
        json!({"refresh_token": tokens["refresh_token"]}),
    )
    .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn nothing_secret_is_logged() {
    let rig = Rig::start().await;
    let mut person = Person::new(&rig, "reader");
    let tokens = person.tokens().await;
    let (_, refreshed) = post(
        &rig,
        "/auth/refresh",
        json!({"refresh_token": tokens["refresh_token"]}),
    )
    .await;
    let entra = rig.token("reader");
    let _ = rig.get("/api/auth/me", &entra).await;
    let log = rig.handler.log();
    assert!(log.contains("correlation_id"), "the log is being read");
    for secret in [
        tokens["access_token"].as_str().unwrap(),
        tokens["refresh_token"].as_str().unwrap(),
        refreshed["access_token"].as_str().unwrap(),
        entrada_stand_ins::directory::CLIENT_SECRET,
        &entra,
    ] {
        assert!(!log.contains(secret));
    }
}

#[tokio::test]
async fn the_page_with_a_code_warns_of_giving_it_away() {
    let rig = Rig::start().await;
    let mut person = Person::new(&rig, "reader");
    let authorize = person.begin("").await;
    let callback = person.sign_in_at_entra(&authorize).await;
    let page = person.visit(&callback).await.text().await.unwrap();
    assert!(
        page.contains("Whoever has this code is you here: give it to nobody"),
        "{page}"
    );
}

/// RFC 9110 section 11.6.1: a 401 says what would be let in.
#[tokio::test]
async fn whoever_must_sign_in_again_is_challenged() {
    let rig = Rig::start().await;
    let mut person = Person::new(&rig, "reader");
    let authorize = person.begin("").await;
    let state = parameter(&authorize, "state").unwrap();
    let again = rig.url(&format!(
        "/auth/callback?error=login_required&state={state}"
    ));
    let page = person.visit(&again).await;
    assert_eq!(page.status(), StatusCode::UNAUTHORIZED);
    let challenge = page.headers().get("www-authenticate");
    assert_eq!(
        challenge.unwrap(),
        "Bearer scope=\"api\", error=\"invalid_token\", \
         error_description=\"Microsoft Entra ID wants you to sign in again.\""
    );
}
