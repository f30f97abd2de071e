//! The consent page, as a browser and as somebody who would like to get
//! around it.

use reqwest::StatusCode;

use super::application::{Application, LOOPBACK, WEBSITE, answer, forms, pressed};
use crate::rig::{Person, Rig, location, parameter};

#[tokio::test]
async fn the_page_says_who_asks_for_what_and_where_it_goes() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let mut person = Person::new(&rig, "reader");
    let page = application.ask(&mut person, &[]).await;
    let shown = person.visit(&page).await;
    let headers = shown.headers().clone();
    let text = shown.text().await.unwrap();
    // The name is shown as text, whatever it holds.
    assert!(text.contains("A &lt;b&gt;bold&lt;/b&gt; client"), "{text}");
    assert!(
        text.contains("http://<strong>127.0.0.1</strong>:33418/callback"),
        "{text}"
    );
    assert!(text.contains(&format!("{}/mcp", rig.handler.base)));
    assert!(text.contains("access_as_user openid profile offline_access"));
    assert!(
        text.contains("Take care."),
        "loopback clients carry a warning"
    );
    assert!(!text.contains("<script") && !text.contains("http-equiv"));
    let policy = headers["content-security-policy"].to_str().unwrap();
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "'sha256-",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-frame-options"], "DENY");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let forms = forms(&text);
    assert_eq!(forms[0].buttons[0].1, "approve");
    assert_eq!(forms[1].buttons[0].1, "deny");
    // The browser has nothing yet that an approval would set.
    assert!(person.holds("entrada-consent-") && !person.holds("entrada-login-"));
}

#[tokio::test]
async fn the_page_comes_each_time_and_before_entra() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let mut person = Person::new(&rig, "reader");
    for _ in 0..2 {
        let entra = application.approve(&mut person, &[]).await;
        assert_eq!(
            parameter(&entra, "prompt").as_deref(),
            Some("select_account")
        );
        let callback = person.sign_in_at_entra(&entra).await;
        let back = location(&person.visit(&callback).await);
        assert!(parameter(&back, "code").is_some());
    }
}

#[tokio::test]
async fn a_page_that_was_rendered_twice_works_from_either() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let mut person = Person::new(&rig, "reader");
    let page = application.ask(&mut person, &[]).await;
    let first = person.visit(&page).await.text().await.unwrap();
    let second = person.visit(&page).await.text().await.unwrap();
    for (text, mut tab) in [
        (&first, person.another_tab()),
        (&second, person.another_tab()),
    ] {
        let form = pressed(text, "approve");
        let response = tab.submit(&rig.url("/consent"), &form, &[]).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn an_approval_that_is_submitted_twice_is_one_sign_in() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, LOOPBACK).await;
    let mut person = Person::new(&rig, "reader");
    let page = application.ask(&mut person, &[]).await;
    let form = pressed(&person.visit(&page).await.text().await.unwrap(), "approve");
    let url = rig.url("/consent");
    let mut tabs: Vec<_> = (0..10).map(|_| person.another_tab()).collect();
    let submitted = tabs.iter_mut().map(|tab| tab.submit(&url, &form, &[]));
    let answers = futures::future::join_all(submitted).await;
    let mut targets: Vec<_> = answers.iter().map(location).collect();
    targets.dedup();
    assert_eq!(targets.len(), 1, "the same state each time");
    // The browser shows the last answer; its cookie fits.
    let mut last = tabs.pop().unwrap();
    let callback = last.sign_in_at_entra(&targets[0]).await;
    let back = location(&last.visit(&callback).await);
    let code = parameter(&back, "code").unwrap();
    assert_eq!(application.redeem(&code).await.0, 200);
    // Its state is used: neither the callback nor the form brings it back.
    assert_eq!(
        last.visit(&callback).await.status(),
        StatusCode::BAD_REQUEST
    );
    let again = last.submit(&url, &form, &[]).await;
    let callback = last.sign_in_at_entra(&location(&again)).await;
    assert_eq!(
        last.visit(&callback).await.status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_refusal_is_told_to_the_client_and_is_final() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let mut person = Person::new(&rig, "reader");
    let page = application.ask(&mut person, &[]).await;
    for _ in 0..2 {
        let back = location(&answer(&rig, &mut person, &page, "deny", &[]).await);
        assert!(back.starts_with(WEBSITE));
        assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
        assert_eq!(parameter(&back, "state").as_deref(), Some("its state"));
        assert_eq!(
            parameter(&back, "iss").as_deref(),
            Some(rig.handler.base.as_str())
        );
    }
    let approved = answer(&rig, &mut person, &page, "approve", &[]).await;
    assert_eq!(approved.status(), StatusCode::BAD_REQUEST);
    assert!(!person.holds("entrada-login-"));
}

#[tokio::test]
async fn another_sites_form_is_refused() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let mut person = Person::new(&rig, "reader");
    let page = application.ask(&mut person, &[]).await;
    let form = pressed(&person.visit(&page).await.text().await.unwrap(), "approve");
    let url = rig.url("/consent");
    for headers in [
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("sec-fetch-site", "none")],
        [("origin", "https://evil.example")],
    ] {
        let response = person.submit(&url, &form, &headers).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{headers:?}");
    }
    // A browser sends `null` from a page without referrer.
    let own = [("sec-fetch-site", "same-origin"), ("origin", "null")];
    assert_eq!(
        person.submit(&url, &form, &own).await.status(),
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn a_form_without_the_pages_cookie_or_with_anothers_token_is_refused() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let mut person = Person::new(&rig, "reader");
    let page = application.ask(&mut person, &[]).await;
    let form = pressed(&person.visit(&page).await.text().await.unwrap(), "approve");
    let url = rig.url("/consent");
    // A thief has begun this request and lures somebody to submit the form.
    let mut lured = Person::new(&rig, "writer");
    assert_eq!(
        lured.submit(&url, &form, &[]).await.status(),
        StatusCode::BAD_REQUEST
    );
    let altered: Vec<_> = form
        .iter()
        .map(|(name, value)| {
            let value = if name == "csrf_token" {
                "x".repeat(43)
            } else {
                value.clone()
            };
            (name.clone(), value)
        })
        .collect();
    assert_eq!(
        person.submit(&url, &altered, &[]).await.status(),
        StatusCode::BAD_REQUEST
    );
    let missing: Vec<_> = form
        .iter()
        .filter(|(name, _)| name != "csrf_token")
        .cloned()
        .collect();
    assert_eq!(
        person.submit(&url, &missing, &[]).await.status(),
        StatusCode::BAD_REQUEST
    );
    assert!(!person.holds("entrada-login-") && !lured.holds("entrada-login-"));
}

#[tokio::test]
async fn a_callback_without_the_approvals_cookie_gives_nobody_a_code() {
    let rig = Rig::start().await;
    let application = Application::register(&rig, WEBSITE).await;
    let mut thief = Person::new(&rig, "reader");
    // The thief approves, and lures somebody to finish it at Entra: their
    // browser does not have what the approval set.
    let entra = application.approve(&mut thief, &[]).await;
    let mut lured = Person::new(&rig, "writer");
    let callback = lured.sign_in_at_entra(&entra).await;
    let response = lured.visit(&callback).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(!response.headers().contains_key("location"));
}
