//! Consents that are remembered: for exactly the same, when no site sent the
//! person, and for that person alone.

use entrada_stand_ins::directory::CONTOSO;
use reqwest::StatusCode;
use serde_json::json;

use super::application::{Application, LOOPBACK, WEBSITE, answer};
use crate::rig::{Person, Rig, location, parameter};
use crate::tools::call;

const FROM_NO_SITE: [(&str, &str); 1] = [("sec-fetch-site", "none")];

/// Signs in with the box ticked.
async fn remember(rig: &Rig, application: &Application<'_>, person: &mut Person<'_>) {
    let page = application.ask(person, &[]).await;
    let more = [("remember", "yes")];
    let entra = location(&answer(rig, person, &page, "approve", &more).await);
    let callback = person.sign_in_at_entra(&entra).await;
    let back = location(&person.visit(&callback).await);
    assert!(parameter(&back, "code").is_some(), "{back}");
}

/// Whether the request is answered with the consent page.
async fn is_asked(rig: &Rig, person: &mut Person<'_>, url: &str, headers: &[(&str, &str)]) -> bool {
    let response = person.visit_with(url, headers).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    location(&response).starts_with(&rig.url("/consent"))
}

#[tokio::test]
async fn the_same_again_is_not_asked_but_needs_a_click_at_entra() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let mut person = Person::new(&rig, "reader");
    remember(&rig, &application, &mut person).await;
    let url = application.authorize(&[]);
    let response = person.visit_with(&url, &FROM_NO_SITE).await;
    let entra = location(&response);
    assert!(!entra.starts_with(&rig.url("/consent")), "{entra}");
    // A link in a mail comes from no site either.
    assert_eq!(
        parameter(&entra, "prompt").as_deref(),
        Some("select_account")
    );
    let callback = person.sign_in_at_entra(&entra).await;
    let back = location(&person.visit(&callback).await);
    assert!(parameter(&back, "code").is_some());
    // From another site, from our own, or from a browser that does not say.
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[],
    ] {
        assert!(
            is_asked(&rig, &mut person, &url, headers).await,
            "{headers:?}"
        );
    }
}

#[tokio::test]
async fn anything_else_is_asked() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let other = Application::register(&rig, WEBSITE).await;
    let mut person = Person::new(&rig, "reader");
    remember(&rig, &application, &mut person).await;
    let webhook = format!("{}/runtime/webhooks/mcp", rig.handler.base);
    for url in [
        other.authorize(&[]),
        application.authorize(&[("resource", &webhook)]),
        application.authorize(&[("prompt", "consent")]),
    ] {
        assert!(
            is_asked(&rig, &mut person, &url, &FROM_NO_SITE).await,
            "{url}"
        );
    }
    let mut stranger = Person::new(&rig, "reader");
    let url = application.authorize(&[]);
    assert!(is_asked(&rig, &mut stranger, &url, &FROM_NO_SITE).await);
}

#[tokio::test]
async fn another_account_in_the_same_browser_is_asked_and_gets_no_code() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let mut person = Person::new(&rig, "reader");
    remember(&rig, &application, &mut person).await;
    let response = person
        .visit_with(&application.authorize(&[]), &FROM_NO_SITE)
        .await;
    let entra = location(&response);
    person.lend_to("writer");
    let callback = person.sign_in_at_entra(&entra).await;
    let back = location(&person.visit(&callback).await);
    assert!(back.starts_with(&rig.url("/consent")), "{back}");
}

#[tokio::test]
async fn a_loopback_client_is_never_remembered() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let mut person = Person::new(&rig, "reader");
    let page = application.ask(&mut person, &[]).await;
    let text = person.visit(&page).await.text().await.unwrap();
    assert!(!text.contains("name=\"remember\""));
    remember(&rig, &application, &mut person).await;
    assert!(!person.holds("entrada-remember-"));
    let url = application.authorize(&[]);
    assert!(is_asked(&rig, &mut person, &url, &FROM_NO_SITE).await);
}

#[tokio::test]
async fn ending_the_sign_in_forgets_the_consent() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let mut person = Person::new(&rig, "reader");
    remember(&rig, &application, &mut person).await;
    application.tokens(&mut person, &[]).await;
    let mine = rig.token("reader");
    let (_, list) = rig.get("/api/grants", &mine).await;
    let id = list["grants"][0]["id"].as_str().unwrap();
    let request = rig.http.delete(rig.url(&format!("/api/grants/{id}")));
    assert_eq!(
        request.bearer_auth(&mine).send().await.unwrap().status(),
        204
    );
    let url = application.authorize(&[]);
    assert!(is_asked(&rig, &mut person, &url, &FROM_NO_SITE).await);
}

#[tokio::test]
async fn cutting_off_the_tenant_forgets_the_consent() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let mut person = Person::new(&rig, "reader");
    remember(&rig, &application, &mut person).await;
    let url = application.authorize(&[]);
    assert!(!is_asked(&rig, &mut person, &url, &FROM_NO_SITE).await);
    let tenant = json!({"tenant": CONTOSO});
    call(&rig, &rig.token("admin"), "admin_revoke_grants", tenant).await;
    assert!(is_asked(&rig, &mut person, &url, &FROM_NO_SITE).await);
}
