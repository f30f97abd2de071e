use entrada_stand_ins::directory::{CONTOSO, PERSONAL_ACCOUNTS};
use entrada_stand_ins::{SignatureKind, TokenRequest};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::harness::{Entra, claims};

async fn document(entra: &Entra, tenant: &str) -> Value {
    let path = format!("{tenant}/v2.0/.well-known/openid-configuration");
    entra.get(&path).await.json()
}

#[tokio::test]
async fn the_document_names_the_issuer_of_its_tenant_and_our_endpoints() {
    let entra = Entra::start().await;
    let base = entra
        .stand_ins
        .url()
        .as_str()
        .trim_end_matches('/')
        .to_owned();
    let by_domain = document(&entra, "contoso.example").await;
    assert_eq!(by_domain["issuer"], json!(format!("{base}/{CONTOSO}/v2.0")));
    assert_eq!(
        by_domain["token_endpoint"],
        json!(format!("{base}/contoso.example/oauth2/v2.0/token"))
    );
    let shared = document(&entra, "organizations").await;
    assert_eq!(shared["issuer"], json!(format!("{base}/{{tenantid}}/v2.0")));
    let personal = document(&entra, "consumers").await;
    assert_eq!(
        personal["issuer"],
        json!(format!("{base}/{PERSONAL_ACCOUNTS}/v2.0"))
    );
}

#[tokio::test]
async fn an_unknown_tenant_is_not_found() {
    let entra = Entra::start().await;
    let answer = entra
        .get("nowhere/v2.0/.well-known/openid-configuration")
        .await;
    assert_eq!(
        Entra::refusal(&answer),
        (400, "invalid_request".to_owned(), 90002)
    );
}

#[tokio::test]
async fn version_1_has_the_issuer_of_version_1_tokens() {
    let entra = Entra::start().await;
    let path = format!("{CONTOSO}/.well-known/openid-configuration");
    let document = entra.get(&path).await.json();
    assert_eq!(
        document["issuer"],
        json!(format!("https://sts.windows.net/{CONTOSO}/"))
    );
    let keys = document["jwks_uri"].as_str().unwrap();
    let keys: Value = entra
        .http
        .get(keys)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_published_key_verifies_what_is_signed_and_names_its_issuer() {
    let entra = Entra::start().await;
    let keys = entra.get("common/discovery/v2.0/keys").await.json();
    let key = &keys["keys"][0];
    assert!(
        key["issuer"]
            .as_str()
            .unwrap()
            .ends_with("/{tenantid}/v2.0")
    );
    let path = format!("{CONTOSO}/discovery/v2.0/keys");
    let own = entra.get(&path).await.json();
    assert!(
        own["keys"][0]["issuer"]
            .as_str()
            .unwrap()
            .contains(&CONTOSO.to_string())
    );

    let public =
        DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap())
            .unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    let verify = |signature| {
        let request = TokenRequest {
            signature,
            ..TokenRequest::for_persona("reader")
        };
        let token = entra.mint(&request);
        jsonwebtoken::decode::<Value>(&token, &public, &validation).is_ok()
    };
    assert!(verify(SignatureKind::Valid));
    assert!(!verify(SignatureKind::Corrupt));
    assert!(!verify(SignatureKind::None));
    assert!(!verify(SignatureKind::PublicKeyAsSecret));
    let token = entra.mint(&TokenRequest {
        signature: SignatureKind::UnknownKey,
        ..TokenRequest::for_persona("reader")
    });
    let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    assert_ne!(json!(kid), key["kid"]);
}

#[tokio::test]
async fn instance_discovery_knows_the_host_that_was_asked() {
    let entra = Entra::start().await;
    let base = entra.stand_ins.url().clone();
    let answer = entra
        .get(&format!(
            "common/discovery/instance?api-version=1.1&authorization_endpoint={base}contoso.example/x"
        ))
        .await
        .json();
    assert_eq!(
        answer["tenant_discovery_endpoint"],
        json!(format!(
            "{base}contoso.example/v2.0/.well-known/openid-configuration"
        ))
    );
    let host = format!("localhost:{}", base.port().unwrap());
    assert_eq!(answer["metadata"][0]["aliases"], json!([host]));
}

#[tokio::test]
async fn minted_tokens_have_the_claims_of_their_version() {
    let entra = Entra::start().await;
    let v2 = claims(&json!(entra.token_of("reader")));
    assert_eq!(v2["ver"], "2.0");
    assert!(v2["azp"].is_string() && v2.get("appid").is_none());
    assert!(v2.get("idtyp").is_none());
    let lifetime = v2["exp"].as_i64().unwrap() - v2["iat"].as_i64().unwrap();
    assert!((3900..=5700).contains(&lifetime), "{lifetime}");

    let v1: TokenRequest =
        serde_json::from_value(json!({"persona": "guest", "version": "v1"})).unwrap();
    let v1 = claims(&json!(entra.mint(&v1)));
    assert_eq!(v1["ver"], "1.0");
    assert!(
        v1["iss"]
            .as_str()
            .unwrap()
            .starts_with("https://sts.windows.net/fab")
    );
    assert!(v1["aud"].as_str().unwrap().starts_with("api://"));
    assert!(v1["appid"].is_string() && v1.get("azp").is_none());
    assert_eq!(v1["upn"], "guest@fabrikam.example");

    let daemon = claims(&json!(entra.token_of("daemon")));
    assert_eq!(daemon["idtyp"], "app");
    assert_eq!(daemon["oid"], daemon["sub"]);
    assert!(daemon.get("scp").is_none());
}

#[tokio::test]
async fn a_subject_is_pairwise() {
    let entra = Entra::start().await;
    let ours = claims(&json!(entra.token_of("reader")));
    let graph = claims(&json!(entra.mint(&TokenRequest {
        resource: Some("https://graph.microsoft.com".to_owned()),
        ..TokenRequest::for_persona("reader")
    })));
    assert_eq!(ours["oid"], graph["oid"]);
    assert_ne!(ours["sub"], graph["sub"]);
}
