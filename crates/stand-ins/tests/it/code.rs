use entrada_stand_ins::directory::{
    CLIENT_ID, CONTOSO, PUBLIC_CLIENT_ID, REPORTS_CLIENT_ID, REPORTS_CLIENT_SECRET, persona,
};
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Answer, Entra, REDIRECT_URI, VERIFIER, claims};

fn invalid_grant(answer: &Answer) -> u32 {
    let (status, error, code) = Entra::refusal(answer);
    assert_eq!((status, error.as_str()), (400, "invalid_grant"));
    code
}

#[tokio::test]
async fn a_code_is_redeemed_for_the_tokens_that_were_asked_for() {
    let entra = Entra::start().await;
    let tokens = entra.tokens("reader", &[]).await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(
        tokens["scope"],
        json!(format!("{CLIENT_ID}/access_as_user"))
    );
    assert_eq!(tokens["expires_in"], tokens["ext_expires_in"]);
    assert!((3600..=5400).contains(&tokens["expires_in"].as_i64().unwrap()));
    assert!(tokens["refresh_token"].is_string() && tokens["client_info"].is_string());

    let reader = persona("reader").unwrap();
    let access = claims(&tokens["access_token"]);
    assert_eq!(access["aud"], json!(CLIENT_ID));
    assert_eq!(access["tid"], json!(CONTOSO));
    assert_eq!(access["oid"], json!(reader.object_id));
    assert_eq!(access["azp"], json!(CLIENT_ID));
    assert_eq!(access["azpacr"], "1");
    assert_eq!(access["scp"], "access_as_user");
    assert_eq!(access["roles"], json!(["Task.Read"]));
    assert_eq!(access["preferred_username"], "reader@contoso.example");
    let base = entra.stand_ins.url();
    assert_eq!(access["iss"], json!(format!("{base}{CONTOSO}/v2.0")));

    let id = claims(&tokens["id_token"]);
    assert_eq!(id["nonce"], "the nonce");
    assert_eq!(id["aud"], json!(CLIENT_ID));
    assert_eq!(id["roles"], json!(["Task.Read"]));
    assert!(id.get("scp").is_none() && id.get("email").is_none());
    assert_eq!(id["sid"], access["sid"]);
    assert!(access.get("xms_cc").is_none());
}

#[tokio::test]
async fn without_their_scopes_there_is_no_id_token_and_no_refresh_token() {
    let entra = Entra::start().await;
    let scope = format!("{CLIENT_ID}/access_as_user");
    let tokens = entra.tokens("reader", &[("scope", &scope)]).await;
    assert!(tokens.get("id_token").is_none() && tokens.get("refresh_token").is_none());
    let tokens = entra.tokens("reader", &[("scope", "openid email")]).await;
    let id = claims(&tokens["id_token"]);
    assert_eq!(id["email"], "reader@contoso.example");
    assert!(id.get("name").is_none());
    let access = claims(&tokens["access_token"]);
    assert_eq!(access["aud"], "https://graph.microsoft.com");
    assert_eq!(access["scp"], "openid email");
}

#[tokio::test]
async fn a_code_is_good_once() {
    let entra = Entra::start().await;
    let code = entra.code("reader", &[]).await;
    assert_eq!(entra.redeem(&code, &[]).await.status, StatusCode::OK);
    assert_eq!(invalid_grant(&entra.redeem(&code, &[]).await), 54005);
}

#[tokio::test]
async fn a_refused_redemption_leaves_the_code_good() {
    let entra = Entra::start().await;
    let code = entra.code("reader", &[]).await;
    let wrong = [("code_verifier", "x")];
    assert_eq!(invalid_grant(&entra.redeem(&code, &wrong).await), 501_481);
    assert_eq!(
        invalid_grant(&entra.redeem(&code, &[("code_verifier", "")]).await),
        501_481
    );
    assert_eq!(entra.redeem(&code, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes() {
    let entra = Entra::start().await;
    let (early, late) = (
        entra.code("reader", &[]).await,
        entra.code("reader", &[]).await,
    );
    entra.advance(599);
    assert_eq!(entra.redeem(&early, &[]).await.status, StatusCode::OK);
    entra.advance(1);
    assert_eq!(invalid_grant(&entra.redeem(&late, &[]).await), 70008);
}

#[tokio::test]
async fn a_code_belongs_to_its_address_client_and_tenant() {
    let mut entra = Entra::start().await;
    let code = entra.code("reader", &[]).await;
    let other = [("redirect_uri", "http://localhost:7072/auth/callback")];
    assert_eq!(
        Entra::refusal(&entra.redeem(&code, &other).await),
        (401, "invalid_client".to_owned(), 500_112)
    );
    let reports = REPORTS_CLIENT_ID.to_string();
    let other = [
        ("client_id", reports.as_str()),
        ("client_secret", REPORTS_CLIENT_SECRET),
    ];
    assert_eq!(invalid_grant(&entra.redeem(&code, &other).await), 70000);
    assert_eq!(
        invalid_grant(&entra.redeem("nonsense", &[]).await),
        9_002_313
    );
    entra.tenant = "contoso.example".to_owned();
    let altered = format!("{code}x");
    assert_eq!(invalid_grant(&entra.redeem(&altered, &[]).await), 9_002_313);
    entra.tenant = "organizations".to_owned();
    assert_eq!(invalid_grant(&entra.redeem(&code, &[]).await), 700_005);
    entra.tenant = "contoso.example".to_owned();
    assert_eq!(entra.redeem(&code, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_plain_challenge_is_accepted_and_a_surplus_verifier_is_not() {
    let entra = Entra::start().await;
    let plain = [
        ("code_challenge", VERIFIER),
        ("code_challenge_method", "plain"),
    ];
    let code = entra.code("reader", &plain).await;
    assert_eq!(entra.redeem(&code, &[]).await.status, StatusCode::OK);
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    let code = entra.code("reader", &none).await;
    assert_eq!(invalid_grant(&entra.redeem(&code, &[]).await), 50147);
    let answer = entra.redeem(&code, &[("code_verifier", "")]).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_is_for_one_resource_and_what_was_consented_to() {
    let entra = Entra::start().await;
    let code = entra.code("reader", &[]).await;
    let two = [("scope", "User.Read https://ai.azure.com/user_impersonation")];
    assert_eq!(invalid_grant(&entra.redeem(&code, &two).await), 28000);
    let refused = entra.redeem(&code, &[("scope", "Mail.Read")]).await;
    assert_eq!(invalid_grant(&refused), 65001);
    assert_eq!(refused.json()["suberror"], "consent_required");
    let narrower = entra.redeem(&code, &[("scope", "User.Read")]).await.json();
    assert_eq!(narrower["scope"], "https://graph.microsoft.com/User.Read");
}

#[tokio::test]
async fn a_client_that_declares_the_capability_is_told_so_in_its_tokens() {
    let entra = Entra::start().await;
    let capable = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
    let tokens = entra.tokens("reader", &[("claims", capable)]).await;
    assert_eq!(claims(&tokens["access_token"])["xms_cc"], json!(["cp1"]));
    let code = entra.code("reader", &[]).await;
    let tokens = entra.redeem(&code, &[("claims", capable)]).await.json();
    assert_eq!(claims(&tokens["access_token"])["xms_cc"], json!(["cp1"]));
}

#[tokio::test]
async fn a_person_of_another_tenant_signs_in_where_any_may() {
    let mut entra = Entra::start().await;
    entra.tenant = "organizations".to_owned();
    let tokens = entra.tokens("guest", &[]).await;
    let access = claims(&tokens["access_token"]);
    let guest = persona("guest").unwrap();
    assert_eq!(access["tid"], json!(guest.tenant));
    assert!(
        access["iss"]
            .as_str()
            .unwrap()
            .contains(&guest.tenant.to_string())
    );
}

#[tokio::test]
async fn a_public_client_redeems_without_a_secret() {
    let entra = Entra::start().await;
    let client_id = PUBLIC_CLIENT_ID.to_string();
    let scope = format!("api://{CLIENT_ID}/access_as_user");
    let page = entra
        .sign_in(
            "reader",
            &[
                ("client_id", &client_id),
                ("redirect_uri", "http://localhost:1/callback"),
                ("scope", &scope),
            ],
        )
        .await;
    let location = page.location.unwrap();
    let location = url::Url::parse(&location).unwrap();
    let code = location
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap()
        .1;
    let changes = [
        ("client_id", client_id.as_str()),
        ("client_secret", ""),
        ("redirect_uri", "http://localhost:1/callback"),
    ];
    let tokens = entra.redeem(&code, &changes).await.json();
    assert_eq!(claims(&tokens["access_token"])["azpacr"], "0");
    assert_eq!(tokens["scope"], json!(scope));
}

#[tokio::test]
async fn roles_are_those_that_the_person_has_now() {
    let entra = Entra::start().await;
    entra
        .person("norole", json!({"roles": ["Task.Write"]}))
        .await;
    let tokens = entra.tokens("norole", &[]).await;
    assert_eq!(
        claims(&tokens["access_token"])["roles"],
        json!(["Task.Write"])
    );
    entra.person("norole", json!({"roles": []})).await;
    let tokens = entra.tokens("norole", &[]).await;
    assert!(claims(&tokens["access_token"]).get("roles").is_none());
    assert!(REDIRECT_URI.starts_with("http://localhost"));
}
