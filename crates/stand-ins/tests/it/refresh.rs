use entrada_stand_ins::directory::{
    API_IDENTIFIER_URI, FABRIKAM, REPORTS_CLIENT_ID, REPORTS_CLIENT_SECRET,
};
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Answer, Entra, FOUNDRY, claims};

const DAYS_90: u64 = 90 * 24 * 3600;

fn invalid_grant(answer: &Answer) -> u32 {
    let (status, error, code) = Entra::refusal(answer);
    assert_eq!((status, error.as_str()), (400, "invalid_grant"));
    code
}

#[tokio::test]
async fn a_refresh_token_renews_all_tokens_as_often_as_wanted() {
    let entra = Entra::start().await;
    let first = entra.tokens("reader", &[]).await;
    entra.advance(3000);
    let second = entra.refresh(&first, &[]).await;
    assert_eq!(second.status, StatusCode::OK, "{}", second.text);
    let second = second.json();
    assert_ne!(second["access_token"], first["access_token"]);
    assert!(claims(&second["id_token"]).get("nonce").is_none());
    assert_eq!(entra.refresh(&second, &[]).await.status, StatusCode::OK);
    assert_eq!(entra.refresh(&first, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_token_serves_any_consented_resource() {
    let entra = Entra::start().await;
    let tokens = entra.tokens("reader", &[]).await;
    let foundry = entra.refresh(&tokens, &[("scope", FOUNDRY)]).await.json();
    assert_eq!(
        claims(&foundry["access_token"])["aud"],
        "https://ai.azure.com"
    );
    let refused = entra.refresh(&tokens, &[("scope", "Mail.Read")]).await;
    assert_eq!(invalid_grant(&refused), 65001);
    let two = "User.Read https://ai.azure.com/.default";
    assert_eq!(
        invalid_grant(&entra.refresh(&tokens, &[("scope", two)]).await),
        28000
    );
}

#[tokio::test]
async fn an_application_cannot_refresh_for_itself_by_uri_or_without_a_scope() {
    let entra = Entra::start().await;
    let tokens = entra.tokens("reader", &[]).await;
    let itself = (400, "invalid_request".to_owned(), 90009);
    let uri = format!("{API_IDENTIFIER_URI}/access_as_user");
    let by_uri = entra.refresh(&tokens, &[("scope", &uri)]).await;
    assert_eq!(Entra::refusal(&by_uri), itself);
    let without = entra.refresh(&tokens, &[("scope", "")]).await;
    assert_eq!(Entra::refusal(&without), itself);

    let graph = entra
        .tokens("reader", &[("scope", "offline_access User.Read")])
        .await;
    let again = entra.refresh(&graph, &[("scope", "")]).await.json();
    assert_eq!(again["scope"], "https://graph.microsoft.com/User.Read");
}

#[tokio::test]
async fn a_refresh_token_ends_after_90_days_without_use() {
    let entra = Entra::start().await;
    let first = entra.tokens("reader", &[]).await;
    entra.advance(DAYS_90 - 1);
    let second = entra.refresh(&first, &[]).await.json();
    entra.advance(1);
    assert_eq!(invalid_grant(&entra.refresh(&first, &[]).await), 700_082);
    assert_eq!(entra.refresh(&second, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_token_belongs_to_its_client_and_tenant() {
    let mut entra = Entra::start().await;
    let tokens = entra.tokens("reader", &[]).await;
    let reports = REPORTS_CLIENT_ID.to_string();
    let other = [
        ("client_id", reports.as_str()),
        ("client_secret", REPORTS_CLIENT_SECRET),
    ];
    assert_eq!(invalid_grant(&entra.refresh(&tokens, &other).await), 70000);
    let forged = json!({"refresh_token": "1.e30.x"});
    assert_eq!(invalid_grant(&entra.refresh(&forged, &[]).await), 9_002_313);
    entra.tenant = FABRIKAM.to_string();
    assert_eq!(invalid_grant(&entra.refresh(&tokens, &[]).await), 50020);
    entra.tenant = "organizations".to_owned();
    assert_eq!(entra.refresh(&tokens, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_disabled_account_or_an_ended_session_has_no_new_tokens() {
    let entra = Entra::start().await;
    let tokens = entra.tokens("reader", &[]).await;
    entra.person("reader", json!({"disabled": true})).await;
    assert_eq!(invalid_grant(&entra.refresh(&tokens, &[]).await), 50057);
    entra.person("reader", json!({"disabled": false})).await;
    assert_eq!(entra.refresh(&tokens, &[]).await.status, StatusCode::OK);
    entra
        .person("reader", json!({"revoke_sessions": true}))
        .await;
    assert_eq!(invalid_grant(&entra.refresh(&tokens, &[]).await), 50173);
    // The clock stands still, and a sign-in after the end is good all the same.
    let tokens = entra.tokens("reader", &[]).await;
    assert_eq!(entra.refresh(&tokens, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_required_interaction_stops_refresh_until_the_challenge_is_met() {
    let entra = Entra::start().await;
    let challenge = json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}});
    let tokens = entra.tokens("reader", &[]).await;
    let require = json!({"interaction_required": challenge, "interaction_error": "invalid_grant"});
    entra.person("reader", require).await;
    let refused = entra.refresh(&tokens, &[]).await;
    assert_eq!(invalid_grant(&refused), 50076);
    assert_eq!(refused.json()["claims"], json!(challenge.to_string()));
    let stronger = entra
        .tokens("reader", &[("claims", &challenge.to_string())])
        .await;
    assert_eq!(entra.refresh(&stronger, &[]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn refresh_tokens_and_keys_outlive_the_stand_in() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let public_url = "http://entra.example".parse().unwrap();
    let options = |options: &mut entrada_stand_ins::StandInOptions| {
        options.data_dir = Some(path.clone());
        options.public_url = Some(public_url);
    };
    let entra = Entra::start_with(options.clone()).await;
    let tokens = entra.tokens("reader", &[]).await;
    let keys = entra.get("common/discovery/v2.0/keys").await.json();
    entra.stand_ins.stopped().await;

    let later = Entra::start_with(options).await;
    let answer = later.refresh(&tokens, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(later.get("common/discovery/v2.0/keys").await.json(), keys);
    let assertion = tokens["access_token"].as_str().unwrap();
    assert_eq!(
        later.on_behalf_of(assertion, &[]).await.status,
        StatusCode::OK
    );
}
