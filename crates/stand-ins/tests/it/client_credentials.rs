use entrada_stand_ins::directory::{
    API_IDENTIFIER_URI, CLIENT_ID, DAEMON_CLIENT_ID, DAEMON_CLIENT_SECRET, FABRIKAM,
    PUBLIC_CLIENT_ID, persona,
};
use serde_json::json;

use crate::harness::{Answer, Entra, FOUNDRY, claims};

async fn ask(entra: &Entra, changes: &[(&str, &str)]) -> Answer {
    let scope = format!("{API_IDENTIFIER_URI}/.default");
    entra
        .token(
            &[("grant_type", "client_credentials"), ("scope", &scope)],
            changes,
        )
        .await
}

#[tokio::test]
async fn an_application_gets_its_roles_and_no_scope() {
    let entra = Entra::start().await;
    let daemon = DAEMON_CLIENT_ID.to_string();
    let as_daemon = [
        ("client_id", daemon.as_str()),
        ("client_secret", DAEMON_CLIENT_SECRET),
    ];
    let answer = ask(&entra, &as_daemon).await.json();
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none());
    let token = claims(&answer["access_token"]);
    assert_eq!(token["idtyp"], "app");
    assert_eq!(token["roles"], json!(["Task.Read"]));
    assert_eq!(token["oid"], json!(persona("daemon").unwrap().object_id));
    assert_eq!(token["sub"], token["oid"]);
    assert_eq!(token["azp"], json!(DAEMON_CLIENT_ID));
    assert_eq!(token["aud"], json!(CLIENT_ID));
    assert!(token.get("scp").is_none() && token.get("preferred_username").is_none());
}

#[tokio::test]
async fn a_service_principal_is_another_object_in_each_tenant() {
    let mut entra = Entra::start().await;
    let home = claims(&ask(&entra, &[("scope", FOUNDRY)]).await.json()["access_token"]);
    entra.tenant = FABRIKAM.to_string();
    let away = claims(&ask(&entra, &[("scope", FOUNDRY)]).await.json()["access_token"]);
    assert_ne!(home["oid"], away["oid"]);
    assert_eq!(away["tid"], json!(FABRIKAM));
    assert_eq!(
        away["idp"],
        json!(format!("https://sts.windows.net/{FABRIKAM}/"))
    );
}

#[tokio::test]
async fn a_request_that_is_not_for_one_resource_of_one_tenant_is_refused() {
    let mut entra = Entra::start().await;
    let refusal = |answer: &Answer| {
        let (_, error, code) = Entra::refusal(answer);
        (error, code)
    };
    for (scope, error, code) in [
        ("User.Read", "invalid_scope", 1_002_012),
        ("openid", "invalid_scope", 1_002_012),
        ("api://nothing/.default", "invalid_resource", 500_011),
        ("", "invalid_request", 900_144),
    ] {
        let answer = ask(&entra, &[("scope", scope)]).await;
        assert_eq!(refusal(&answer), (error.to_owned(), code), "{scope}");
    }
    let public = PUBLIC_CLIENT_ID.to_string();
    let without_secret = [("client_id", public.as_str()), ("client_secret", "")];
    let answer = ask(&entra, &without_secret).await;
    assert_eq!(refusal(&answer), ("invalid_client".to_owned(), 7_000_218));
    entra.tenant = "organizations".to_owned();
    let answer = ask(&entra, &[]).await;
    assert_eq!(refusal(&answer), ("invalid_request".to_owned(), 50059));
}
