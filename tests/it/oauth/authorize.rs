//! `/authorize`: everything is checked before anybody is sent anywhere.

use reqwest::StatusCode;
use serde_json::json;

use super::application::{Application, LOOPBACK, WEBSITE};
use crate::rig::{Person, Rig, location, parameter};

#[tokio::test]
async fn an_unknown_client_or_redirect_uri_gets_a_page_and_no_redirect() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let mut person = Person::new(&rig, "reader");
    for changes in [
        [("client_id", "er-00000000000000000000000000000000")],
        [("client_id", "")],
        [("redirect_uri", "https://client.example/callback/")],
        [("redirect_uri", "https://client.example/callback?x=1")],
        [("redirect_uri", "https://evil.example/callback")],
        [("redirect_uri", "http://client.example/callback")],
        [(
            "redirect_uri",
            "https://client.example@evil.example/callback",
        )],
        [("redirect_uri", "javascript:alert(1)")],
    ] {
        let response = person.visit(&application.authorize(&changes)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{changes:?}");
        assert!(!response.headers().contains_key("location"));
        assert!(
            response.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html")
        );
    }
    let twice = format!("{}&client_id=x", application.authorize(&[]));
    assert_eq!(person.visit(&twice).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn faults_of_a_known_client_go_back_to_it_with_state_and_issuer() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let mut person = Person::new(&rig, "reader");
    for (changes, error) in [
        ([("response_type", "")], "invalid_request"),
        ([("response_type", "token")], "unsupported_response_type"),
        ([("code_challenge", "")], "invalid_request"),
        ([("code_challenge", "short")], "invalid_request"),
        ([("code_challenge_method", "")], "invalid_request"),
        ([("code_challenge_method", "plain")], "invalid_request"),
        ([("response_mode", "fragment")], "invalid_request"),
        ([("request", "eyJ")], "request_not_supported"),
        ([("request_uri", "https://x")], "request_uri_not_supported"),
        ([("scope", "admin everything")], "invalid_scope"),
        ([("prompt", "none")], "login_required"),
        ([("prompt", "none login")], "invalid_request"),
        (
            [("resource", "https://other.example/mcp")],
            "invalid_target",
        ),
    ] {
        let response = person.visit(&application.authorize(&changes)).await;
        assert_eq!(response.status(), StatusCode::FOUND, "{changes:?}");
        let back = location(&response);
        assert!(back.starts_with(LOOPBACK), "{back}");
        assert_eq!(
            parameter(&back, "error").as_deref(),
            Some(error),
            "{changes:?}"
        );
        assert_eq!(parameter(&back, "state").as_deref(), Some("its state"));
        assert_eq!(
            parameter(&back, "iss").as_deref(),
            Some(rig.handler.base.as_str())
        );
        assert_eq!(parameter(&back, "code"), None);
    }
    let twice = format!("{}&scope=mcp&scope=mcp", application.authorize(&[]));
    let back = location(&person.visit(&twice).await);
    assert_eq!(
        parameter(&back, "error").as_deref(),
        Some("invalid_request")
    );
}

#[tokio::test]
async fn nobody_is_sent_to_a_website_that_only_its_owner_vouches_for() {
    let clients = json!({"clients": [{"client_id": "portal", "redirect_uris": [WEBSITE]}]});
    let rig = Rig::with(&[("ENTRADA_CLIENTS", &clients.to_string())]).await;
    let registered = Application::register(&rig, WEBSITE).await;
    let configured = Application::known(&rig, "portal", WEBSITE);
    let mut person = Person::new(&rig, "reader");
    for changes in [[("scope", "everything")], [("prompt", "none")]] {
        let response = person.visit(&registered.authorize(&changes)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(!response.headers().contains_key("location"));
        let page = response.text().await.unwrap();
        assert!(page.contains("<strong>client.example</strong>"), "{page}");
        let link = format!("href=\"{WEBSITE}?error=");
        assert!(page.contains(&link), "{page}");
        assert!(page.contains("&amp;state=its+state&amp;iss="), "{page}");
        let response = person.visit(&configured.authorize(&changes)).await;
        assert_eq!(response.status(), StatusCode::FOUND);
        assert!(location(&response).starts_with(WEBSITE));
    }
}

#[tokio::test]
async fn every_documented_spelling_of_a_resource_leads_to_its_door_alone() {
    let rig = Rig::start().await;
    let base = rig.handler.base.clone();
    let application = Application::register(&rig, LOOPBACK).await;
    let mut person = Person::new(&rig, "reader");
    for resource in ["", "{}", "{}/", "{}/mcp", "{}/mcp/"] {
        let resource = resource.replace("{}", &base);
        let tokens = application
            .tokens(&mut person, &[("resource", &resource)])
            .await;
        let access = tokens["access_token"].as_str().unwrap();
        assert_eq!(rig.get("/mcp/tools", access).await.0, 200, "{resource}");
        // A registered client never reaches the front end's door.
        assert_eq!(rig.get("/api/auth/me", access).await.0, 401);
    }
    let webhook = format!("{base}/runtime/webhooks/mcp");
    let tokens = application
        .tokens(&mut person, &[("resource", &webhook)])
        .await;
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(rig.get("/mcp/tools", access).await.0, 401);
    for wrong in [
        "{}/api",
        "{}/mcp?x",
        "{}//",
        "api://x",
        "{}.evil.example/mcp",
    ] {
        let resource = wrong.replace("{}", &base);
        let back = location(
            &person
                .visit(&application.authorize(&[("resource", &resource)]))
                .await,
        );
        assert_eq!(
            parameter(&back, "error").as_deref(),
            Some("invalid_target"),
            "{resource}"
        );
    }
}

#[tokio::test]
async fn scopes_are_echoed_by_the_name_that_was_asked_for() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let mut person = Person::new(&rig, "reader");
    let alias = format!(
        "api://{}/access_as_user",
        entrada_stand_ins::directory::CLIENT_ID
    );
    for (asked, echoed) in [
        ("", "mcp".to_owned()),
        ("mcp offline_access", "mcp offline_access".to_owned()),
        ("openid mcp something", "mcp".to_owned()),
        (&alias, alias.clone()),
    ] {
        let tokens = application.tokens(&mut person, &[("scope", asked)]).await;
        assert_eq!(tokens["scope"].as_str(), Some(echoed.as_str()));
        let (_, refreshed) = application.refresh(&tokens["refresh_token"]).await;
        assert_eq!(refreshed["scope"].as_str(), Some(echoed.as_str()));
    }
}

#[tokio::test]
async fn entra_never_sees_the_resource_and_gets_the_prompts_that_were_asked_for() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let mut person = Person::new(&rig, "reader");
    let mcp = format!("{}/mcp", rig.handler.base);
    for (asked, sent) in [
        ("", "select_account"),
        ("login", "login"),
        ("select_account", "select_account"),
        ("consent", "select_account"),
    ] {
        let changes = [
            ("prompt", asked),
            ("resource", &mcp),
            ("login_hint", "reader@contoso.example"),
        ];
        let entra = application.approve(&mut person, &changes).await;
        assert_eq!(
            parameter(&entra, "prompt").as_deref(),
            Some(sent),
            "{asked}"
        );
        assert_eq!(parameter(&entra, "resource"), None);
        assert_eq!(
            parameter(&entra, "login_hint").as_deref(),
            Some("reader@contoso.example")
        );
        // The state there is ours, not the client's.
        assert!(parameter(&entra, "state").unwrap().len() >= 43);
    }
}

#[tokio::test]
async fn a_posted_form_is_as_good_as_a_query() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let mut person = Person::new(&rig, "reader");
    let url = url::Url::parse(&application.authorize(&[])).unwrap();
    let form: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let response = person.submit(&rig.url("/authorize"), &form, &[]).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert!(location(&response).contains("/consent?"));
}

#[tokio::test]
async fn what_went_wrong_at_entra_is_told_to_the_client() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let mut person = Person::new(&rig, "reader");
    let entra = application.approve(&mut person, &[]).await;
    let state = parameter(&entra, "state").unwrap();
    let cancelled = rig.url(&format!("/auth/callback?error=access_denied&state={state}"));
    let back = location(&person.visit(&cancelled).await);
    assert!(back.starts_with(WEBSITE));
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&back, "state").as_deref(), Some("its state"));
    assert_eq!(
        parameter(&back, "iss").as_deref(),
        Some(rig.handler.base.as_str())
    );
}

#[tokio::test]
async fn a_loopback_client_may_listen_on_any_port() {
    let rig = Rig::start().await;
    let registered = Application::register(&rig, "http://127.0.0.1/callback").await;
    let listening = Application::known(&rig, &registered.id, "http://127.0.0.1:49152/callback");
    let back = listening
        .sign_in(&mut Person::new(&rig, "reader"), &[])
        .await;
    assert!(
        back.starts_with("http://127.0.0.1:49152/callback?code="),
        "{back}"
    );
}

#[tokio::test]
async fn nobody_frames_a_page() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let mut person = Person::new(&rig, "reader");
    let page = application.ask(&mut person, &[]).await;
    for url in [application.authorize(&[]), page] {
        let framed = person
            .visit_with(&url, &[("sec-fetch-dest", "iframe")])
            .await;
        assert_eq!(framed.status(), StatusCode::FORBIDDEN);
        let policy = framed.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(framed.headers()["x-frame-options"], "DENY");
    }
}
