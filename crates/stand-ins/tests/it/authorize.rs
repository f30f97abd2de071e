use entrada_stand_ins::directory::{
    API_IDENTIFIER_URI, CLIENT_ID, PUBLIC_CLIENT_ID, REPORTS_CLIENT_ID,
};
use reqwest::StatusCode;
use reqwest::header::CONTENT_SECURITY_POLICY;
use serde_json::json;

use crate::harness::{Answer, Entra, REDIRECT_URI, claims};

fn own_scope() -> String {
    format!("{CLIENT_ID}/access_as_user")
}

/// Refused on a page: the client must not learn of it.
fn on_a_page(answer: &Answer) -> u32 {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.location, None);
    answer.aadsts()
}

/// Refused by redirect: `error` and code.
fn by_redirect(answer: &Answer) -> (String, u32) {
    let fields = answer.redirected();
    assert_eq!(fields["state"], "the state");
    assert!(!fields.contains_key("code"));
    (fields["error"].clone(), answer.aadsts())
}

#[tokio::test]
async fn a_person_signs_in_and_the_client_gets_a_code_and_its_state() {
    let entra = Entra::start().await;
    let page = entra.authorize(&[]).await;
    assert!(page.text.contains("Local stand-in"));
    assert!(page.text.contains("Rita Reader") && page.text.contains("Task.Read"));
    assert!(!page.text.contains("<script") && !page.text.contains("Daemon"));
    let answer = entra.choose(&page, "reader").await;
    assert_eq!(answer.status, StatusCode::FOUND);
    let fields = answer.redirected();
    assert_eq!(fields["state"], "the state");
    assert!(!fields["code"].is_empty() && !fields["session_state"].is_empty());
    assert!(!fields.contains_key("client_info"));
}

#[tokio::test]
async fn a_page_lists_the_people_who_may_sign_in_there() {
    let mut entra = Entra::start().await;
    let page = entra.authorize(&[]).await;
    assert!(!page.text.contains("guest@fabrikam.example"));
    entra.tenant = "organizations".to_owned();
    let page = entra.authorize(&[]).await;
    assert!(page.text.contains("guest@fabrikam.example"));
    let page = entra
        .authorize(&[("domain_hint", "fabrikam.example")])
        .await;
    assert!(!page.text.contains("reader@contoso.example"));
    let page = entra
        .authorize(&[("login_hint", "writer@contoso.example")])
        .await;
    assert!(page.text.contains("Expected by the application"));
}

#[tokio::test]
async fn a_forged_choice_of_a_foreign_account_is_refused() {
    let entra = Entra::start().await;
    assert_eq!(on_a_page(&entra.sign_in("guest", &[]).await), 50020);
    assert_eq!(on_a_page(&entra.sign_in("daemon", &[]).await), 900_144);
    let answer = entra
        .post(
            "contoso.example/login",
            &[("context", "1.x.y"), ("persona", "reader")],
        )
        .await;
    assert_eq!(on_a_page(&answer), 50089);
}

#[tokio::test]
async fn a_page_that_stayed_open_for_an_hour_is_of_no_use() {
    let entra = Entra::start().await;
    let page = entra.authorize(&[]).await;
    entra.advance(3600);
    assert_eq!(on_a_page(&entra.choose(&page, "reader").await), 50089);
}

#[tokio::test]
async fn an_unknown_client_tenant_or_address_is_refused_on_a_page() {
    let mut entra = Entra::start().await;
    let unknown = [("client_id", "00000000-0000-4000-8000-000000000000")];
    assert_eq!(on_a_page(&entra.authorize(&unknown).await), 700_016);
    assert_eq!(
        on_a_page(&entra.authorize(&[("client_id", "x")]).await),
        700_016
    );
    assert_eq!(
        on_a_page(&entra.authorize(&[("client_id", "")]).await),
        900_144
    );
    let elsewhere = [("redirect_uri", "http://localhost:7071/elsewhere")];
    assert_eq!(on_a_page(&entra.authorize(&elsewhere).await), 50011);
    assert_eq!(
        on_a_page(&entra.authorize(&[("redirect_uri", "")]).await),
        900_971
    );
    entra.tenant = "nowhere".to_owned();
    assert_eq!(on_a_page(&entra.authorize(&[]).await), 90002);
    entra.tenant = "consumers".to_owned();
    assert_eq!(on_a_page(&entra.authorize(&[]).await), 9_002_332);
}

#[tokio::test]
async fn a_single_tenant_client_is_refused_elsewhere() {
    let mut entra = Entra::start().await;
    let reports = REPORTS_CLIENT_ID.to_string();
    let request = [
        ("client_id", reports.as_str()),
        ("redirect_uri", "http://localhost/reports/callback"),
    ];
    entra.tenant = "common".to_owned();
    assert_eq!(on_a_page(&entra.authorize(&request).await), 50194);
    entra.tenant = "fabrikam.example".to_owned();
    assert_eq!(on_a_page(&entra.authorize(&request).await), 700_016);
}

#[tokio::test]
async fn faults_of_the_request_go_to_the_client() {
    let entra = Entra::start().await;
    let uri_form = format!("{API_IDENTIFIER_URI}/access_as_user");
    let scope = own_scope();
    for (changes, error, code) in [
        (vec![("scope", "")], "invalid_request", 900_144),
        (vec![("scope", "mcp")], "invalid_client", 650_053),
        (
            vec![("scope", "api://nothing/x")],
            "invalid_resource",
            500_011,
        ),
        (vec![("scope", uri_form.as_str())], "invalid_request", 90009),
        (
            vec![("response_type", "id_token")],
            "unsupported_response_type",
            700_054,
        ),
        (
            vec![("response_type", "token")],
            "unsupported_response_type",
            70005,
        ),
        (vec![("response_type", "")], "invalid_request", 900_144),
        (vec![("response_mode", "jwt")], "invalid_request", 70007),
        (vec![("prompt", "create")], "invalid_request", 90023),
        (
            vec![("code_challenge", "short")],
            "invalid_request",
            501_491,
        ),
        (vec![("claims", "x")], "invalid_request", 90023),
        (
            vec![("resource", "http://localhost:7071/mcp")],
            "invalid_target",
            9_010_010,
        ),
        (
            vec![
                ("resource", "http://localhost:7071/mcp"),
                ("scope", "openid"),
            ],
            "invalid_request",
            901_002,
        ),
    ] {
        let answer = entra.authorize(&changes).await;
        assert_eq!(
            by_redirect(&answer),
            (error.to_owned(), code),
            "{changes:?}"
        );
    }
    let own_resource = [("scope", scope.as_str()), ("resource", API_IDENTIFIER_URI)];
    assert_eq!(entra.authorize(&own_resource).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_answer_comes_in_the_mode_that_was_asked_for() {
    let entra = Entra::start().await;
    let answer = entra
        .sign_in("reader", &[("response_mode", "fragment")])
        .await;
    let location = answer.location.clone().unwrap();
    assert!(
        location.starts_with(&format!("{REDIRECT_URI}#")),
        "{location}"
    );

    let page = entra
        .sign_in("reader", &[("response_mode", "form_post")])
        .await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains(&format!("action=\"{REDIRECT_URI}\"")));
    assert_eq!(page.hidden("state"), "the state");
    let tokens = entra.redeem(&page.hidden("code"), &[]).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text);
}

#[tokio::test]
async fn a_session_signs_in_silently_until_sign_out() {
    let entra = Entra::start().await;
    let cookie = entra.sign_in("reader", &[]).await.cookie.unwrap();
    let silent = entra
        .authorize_as(&[("prompt", "none"), ("client_info", "1")], Some(&cookie))
        .await
        .redirected();
    assert!(silent.contains_key("code") && silent.contains_key("client_info"));
    let without_prompt = entra.authorize_as(&[], Some(&cookie)).await;
    assert!(without_prompt.redirected().contains_key("code"));

    let request = entra
        .http
        .get(entra.url("common/oauth2/v2.0/logout"))
        .query(&[("post_logout_redirect_uri", REDIRECT_URI), ("state", "s")]);
    let out = entra.send(request.header("cookie", &cookie)).await;
    assert_eq!(out.location.unwrap(), format!("{REDIRECT_URI}?state=s"));
    assert_eq!(out.cookie.as_deref(), Some("stand-in-session="));
    let elsewhere = "common/oauth2/v2.0/logout?post_logout_redirect_uri=https://evil.example";
    assert_eq!(entra.get(elsewhere).await.location, None);
}

#[tokio::test]
async fn prompt_none_without_a_fitting_session_requires_a_login() {
    let entra = Entra::start().await;
    let required = ("login_required".to_owned(), 50058);
    let silent = ("prompt", "none");
    assert_eq!(by_redirect(&entra.authorize(&[silent]).await), required);
    let cookie = entra.sign_in("reader", &[]).await.cookie.unwrap();
    let other = entra
        .authorize_as(
            &[silent, ("login_hint", "writer@contoso.example")],
            Some(&cookie),
        )
        .await;
    assert_eq!(by_redirect(&other), required);
    entra
        .person("reader", json!({"revoke_sessions": true}))
        .await;
    let ended = entra.authorize_as(&[silent], Some(&cookie)).await;
    assert_eq!(by_redirect(&ended), required);
}

#[tokio::test]
async fn prompt_login_and_select_account_ask_in_spite_of_a_session() {
    let entra = Entra::start().await;
    let cookie = entra.sign_in("reader", &[]).await.cookie.unwrap();
    for prompt in ["login", "select_account"] {
        let page = entra
            .authorize_as(&[("prompt", prompt)], Some(&cookie))
            .await;
        assert_eq!(page.status, StatusCode::OK, "{prompt}");
        page.hidden("context");
    }
}

#[tokio::test]
async fn a_challenge_asks_for_a_new_sign_in_once() {
    let entra = Entra::start().await;
    let cookie = entra.sign_in("reader", &[]).await.cookie.unwrap();
    let claims = [(
        "claims",
        r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#,
    )];
    let silent = [claims[0], ("prompt", "none")];
    let refused = entra.authorize_as(&silent, Some(&cookie)).await;
    assert_eq!(
        by_redirect(&refused),
        ("interaction_required".to_owned(), 50076)
    );
    let page = entra.authorize_as(&claims, Some(&cookie)).await;
    assert!(page.text.contains("additional verification"));
    let stronger = entra.choose(&page, "reader").await.cookie.unwrap();
    let answer = entra.authorize_as(&silent, Some(&stronger)).await;
    assert!(answer.redirected().contains_key("code"));
}

#[tokio::test]
async fn a_disabled_account_cannot_sign_in() {
    let entra = Entra::start().await;
    entra.person("reader", json!({"disabled": true})).await;
    let page = entra.sign_in("reader", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.aadsts(), 50057);
}

#[tokio::test]
async fn automatic_sign_in_answers_by_itself_as_whom_the_client_expects() {
    let entra = Entra::start_with(|options| options.auto_sign_in = Some("all".to_owned())).await;
    let code = entra.authorize(&[]).await.redirected()["code"].clone();
    let tokens = entra.redeem(&code, &[]).await.json();
    assert_eq!(claims(&tokens["id_token"])["roles"], json!(["Task.All"]));
    let hinted = entra
        .authorize(&[("login_hint", "writer@contoso.example")])
        .await;
    let tokens = entra.redeem(&hinted.redirected()["code"], &[]).await.json();
    assert_eq!(claims(&tokens["id_token"])["roles"], json!(["Task.Write"]));
    let silent = entra.authorize(&[("prompt", "none")]).await;
    assert_eq!(by_redirect(&silent).1, 50058);
    entra
        .control("auto-sign-in", json!({"persona": null}))
        .await;
    assert_eq!(entra.authorize(&[]).await.status, StatusCode::OK);
    entra.control("reset", json!({})).await;
    assert_eq!(entra.authorize(&[]).await.status, StatusCode::FOUND);
}

#[tokio::test]
async fn who_goes_away_from_the_page_sends_the_client_no_code() {
    let entra = Entra::start().await;
    let page = entra.authorize(&[]).await;
    let context = page.hidden("context");
    let fields = [("context", context.as_str()), ("decision", "cancel")];
    let answer = entra.post("contoso.example/login", &fields).await;
    let answered = answer.redirected();
    assert_eq!(answered["error"], "access_denied");
    assert_eq!(answered["error_subcode"], "cancel");
    assert!(answered.contains_key("state") && !answered.contains_key("code"));
    assert!(answer.cookie.is_none());
}

#[tokio::test]
async fn consent_is_asked_for_once_and_may_be_declined() {
    let entra = Entra::start().await;
    let scope = [("scope", "openid Mail.Read")];
    let page = entra.sign_in("reader", &scope).await;
    assert!(page.text.contains("Permissions requested") && page.text.contains("Mail.Read"));
    let context = page.hidden("context");
    let decide = |decision: &'static str| {
        let fields = [
            ("context", context.clone()),
            ("decision", decision.to_owned()),
        ];
        let entra = &entra;
        async move {
            let fields = fields
                .each_ref()
                .map(|(name, value)| (*name, value.as_str()));
            entra.post("contoso.example/consent", &fields).await
        }
    };
    assert_eq!(
        by_redirect(&decide("cancel").await),
        ("access_denied".to_owned(), 65004)
    );
    let accepted = decide("accept").await;
    let tokens = entra
        .redeem(&accepted.redirected()["code"], &[])
        .await
        .json();
    assert_eq!(claims(&tokens["access_token"])["scp"], "Mail.Read openid");

    let cookie = accepted.cookie.unwrap();
    let again = entra.authorize_as(&scope, Some(&cookie)).await;
    assert!(again.redirected().contains_key("code"));
    let asked = [scope[0], ("prompt", "consent")];
    let again = entra.authorize_as(&asked, Some(&cookie)).await;
    assert!(again.text.contains("Permissions requested"));
}

#[tokio::test]
async fn consent_is_not_asked_for_silently() {
    let entra = Entra::start().await;
    let cookie = entra.sign_in("reader", &[]).await.cookie.unwrap();
    let answer = entra
        .authorize_as(&[("scope", "Mail.Read"), ("prompt", "none")], Some(&cookie))
        .await;
    assert_eq!(
        by_redirect(&answer),
        ("interaction_required".to_owned(), 65001)
    );
}

#[tokio::test]
async fn what_needs_an_administrator_is_granted_by_one_alone() {
    let entra = Entra::start().await;
    let scope = [("scope", "Directory.Read.All")];
    let page = entra.sign_in("reader", &scope).await;
    assert!(page.text.contains("Need admin approval"));
    let context = page.hidden("context");
    let forged = [("context", context.as_str()), ("decision", "accept")];
    let forged = entra.post("contoso.example/consent", &forged).await;
    assert!(forged.text.contains("Need admin approval"));
    let left = [("context", context.as_str()), ("decision", "leave")];
    let left = entra.post("contoso.example/consent", &left).await;
    assert_eq!(by_redirect(&left), ("access_denied".to_owned(), 90094));

    let page = entra.sign_in("admin", &scope).await;
    assert!(page.text.contains("Permissions requested"));
}

#[tokio::test]
async fn a_resource_of_another_tenant_is_not_found() {
    let mut entra = Entra::start().await;
    entra.tenant = "organizations".to_owned();
    let scope = [("scope", "api://contoso.example/reports/Reports.Read")];
    let answer = entra.sign_in("guest", &scope).await;
    assert_eq!(
        by_redirect(&answer),
        ("invalid_resource".to_owned(), 500_011)
    );
}

#[tokio::test]
async fn parameters_may_come_in_a_form_and_only_once() {
    let entra = Entra::start().await;
    let client_id = PUBLIC_CLIENT_ID.to_string();
    let scope = format!("{API_IDENTIFIER_URI}/access_as_user");
    let form = [
        ("client_id", client_id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", "http://localhost:9/callback"),
        ("scope", &scope),
    ];
    let page = entra
        .post("organizations/oauth2/v2.0/authorize", &form)
        .await;
    assert_eq!(page.status, StatusCode::OK);
    let twice = "organizations/oauth2/v2.0/authorize?client_id=a&client_id=b";
    assert_eq!(on_a_page(&entra.get(twice).await), 90023);
}

#[tokio::test]
async fn the_address_itself_says_what_this_is() {
    let entra = Entra::start().await;
    let page = entra.get("").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("Local stand-in") && page.text.contains("norole"));
}

#[tokio::test]
async fn pages_cannot_be_framed_or_scripted() {
    let entra = Entra::start().await;
    let url = entra.url("common/oauth2/v2.0/logout");
    let response = entra.http.get(url).send().await.unwrap();
    let policy = response.headers()[CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    let hostile = [("client_id", "<script>alert(1)</script>")];
    let page = entra.authorize(&hostile).await;
    assert!(!page.text.contains("<script>"));
}
