use entrada_stand_ins::TokenRequest;
use entrada_stand_ins::directory::{
    CLIENT_ID, CLIENT_SECRET, GRAPH_RESOURCE_ID, MANAGED_IDENTITY_CLIENT_ID, PUBLIC_CLIENT_ID,
    TOKEN_EXCHANGE_RESOURCE,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Answer, Entra, FOUNDRY, claims};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn ask(entra: &Entra, changes: &[(&str, &str)]) -> Answer {
    entra
        .token(
            &[("grant_type", "client_credentials"), ("scope", FOUNDRY)],
            changes,
        )
        .await
}

async fn ask_with_assertion(entra: &Entra, assertion: &str) -> Answer {
    ask(
        entra,
        &[
            ("client_secret", ""),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ],
    )
    .await
}

fn invalid_client(answer: &Answer) -> u32 {
    let (status, error, code) = Entra::refusal(answer);
    assert_eq!((status, error.as_str()), (401, "invalid_client"));
    code
}

#[tokio::test]
async fn a_secret_must_be_there_and_right() {
    let entra = Entra::start().await;
    assert_eq!(ask(&entra, &[]).await.status, StatusCode::OK);
    let code = |answer| invalid_client(&answer);
    assert_eq!(
        code(ask(&entra, &[("client_secret", "wrong")]).await),
        7_000_215
    );
    assert_eq!(code(ask(&entra, &[("client_secret", "")]).await), 7_000_218);
    let public = PUBLIC_CLIENT_ID.to_string();
    assert_eq!(code(ask(&entra, &[("client_id", &public)]).await), 700_025);
}

#[tokio::test]
async fn a_client_must_be_a_registered_one() {
    let entra = Entra::start().await;
    let unknown = (400, "unauthorized_client".to_owned(), 700_016);
    for id in [
        GRAPH_RESOURCE_ID,
        MANAGED_IDENTITY_CLIENT_ID,
        uuid::Uuid::nil(),
    ] {
        let answer = ask(&entra, &[("client_id", &id.to_string())]).await;
        assert_eq!(Entra::refusal(&answer), unknown);
    }
    let answer = ask(&entra, &[("client_id", "")]).await;
    assert_eq!(Entra::refusal(&answer).2, 900_144);
}

#[tokio::test]
async fn the_secret_may_come_by_http_basic() {
    let entra = Entra::start().await;
    let path = format!("{}/oauth2/v2.0/token", entra.tenant);
    let form = [("grant_type", "client_credentials"), ("scope", FOUNDRY)];
    let with = |secret: &str| {
        let request = entra.http.post(entra.url(&path)).form(&form);
        request.basic_auth(CLIENT_ID, Some(secret))
    };
    assert_eq!(entra.send(with(CLIENT_SECRET)).await.status, StatusCode::OK);
    assert_eq!(invalid_client(&entra.send(with("wrong")).await), 7_000_215);
    let other = PUBLIC_CLIENT_ID.to_string();
    let request = entra.http.post(entra.url(&path));
    let request = request
        .form(&[form[0], form[1], ("client_id", &other)])
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    assert_eq!(Entra::refusal(&entra.send(request).await).2, 90023);
}

#[tokio::test]
async fn only_forms_are_posted_and_a_grant_is_named() {
    let entra = Entra::start().await;
    let path = format!("{}/oauth2/v2.0/token", entra.tenant);
    let invalid = |code| (400, "invalid_request".to_owned(), code);
    assert_eq!(Entra::refusal(&entra.get(&path).await), invalid(900_561));
    let json = entra
        .http
        .post(entra.url(&path))
        .json(&json!({"grant_type": "x"}));
    assert_eq!(Entra::refusal(&entra.send(json).await), invalid(900_144));
    let twice = entra
        .post(&path, &[("grant_type", "a"), ("grant_type", "b")])
        .await;
    assert_eq!(Entra::refusal(&twice), invalid(90023));
    let other = entra.token(&[("grant_type", "password")], &[]).await;
    let unsupported = (400, "unsupported_grant_type".to_owned(), 70003);
    assert_eq!(Entra::refusal(&other), unsupported);
}

#[tokio::test]
async fn a_refusal_has_every_member_that_entra_gives_it() {
    let entra = Entra::start().await;
    let correlation = "6d2a4ba6-31b5-4a52-9a3c-6ac2ba3b7e6a";
    let path = format!("{}/oauth2/v2.0/token", entra.tenant);
    let request = entra.http.post(entra.url(&path));
    let request = request
        .header("client-request-id", correlation)
        .form(&[("x", "y")]);
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store, no-cache");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["correlation_id"], correlation);
    assert_eq!(body["timestamp"], "2026-11-21 12:00:00Z");
    assert!(uuid::Uuid::try_parse(body["trace_id"].as_str().unwrap()).is_ok());
    let description = body["error_description"].as_str().unwrap();
    assert!(description.starts_with("AADSTS900144: "));
    assert!(description.contains(&format!("Correlation ID: {correlation}")));
    assert!(description.ends_with("Timestamp: 2026-11-21 12:00:00Z"));
    assert_eq!(
        body["error_uri"],
        "https://login.microsoftonline.com/error?code=900144"
    );
}

/// A client certificate and what is signed with it.
struct Certificate {
    pem: String,
    thumbprint: String,
    key: EncodingKey,
}

impl Certificate {
    fn make() -> Self {
        use base64::Engine;
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let certificate = CertificateParams::new(vec!["entrada".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.der());
        Self {
            pem: certificate.pem(),
            thumbprint: base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash),
            key: EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes()).unwrap(),
        }
    }

    fn sign(&self, entra: &Entra, changes: &Value) -> String {
        let endpoint = entra.url(&format!("{}/oauth2/v2.0/token", entra.tenant));
        let now = time::macros::datetime!(2026-11-21 12:00 UTC).unix_timestamp();
        let mut claims = json!({
            "aud": endpoint, "iss": CLIENT_ID, "sub": CLIENT_ID, "jti": "1",
            "nbf": now, "iat": now, "exp": now + 600,
        });
        let members = claims.as_object_mut().unwrap();
        members.extend(changes.as_object().unwrap().clone());
        let mut header = Header::new(Algorithm::PS256);
        header.x5t_s256 = Some(self.thumbprint.clone());
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}

#[tokio::test]
async fn a_registered_certificate_proves_the_client() {
    let entra = Entra::start().await;
    let certificate = Certificate::make();
    let assertion = certificate.sign(&entra, &json!({}));
    let answer = ask_with_assertion(&entra, &assertion).await;
    assert_eq!(invalid_client(&answer), 700_027);

    let body = json!({"certificate_pem": certificate.pem});
    let registered = entra.control("certificates", body).await;
    assert_eq!(registered["x5t#S256"], json!(certificate.thumbprint));
    let answer = ask_with_assertion(&entra, &assertion).await;
    assert_eq!(claims(&answer.json()["access_token"])["appidacr"], "2");

    let other = Certificate::make();
    let forged = Certificate {
        thumbprint: certificate.thumbprint.clone(),
        ..other
    };
    for (assertion, code) in [
        (forged.sign(&entra, &json!({})), 700_027),
        (
            certificate.sign(&entra, &json!({"iss": PUBLIC_CLIENT_ID})),
            700_021,
        ),
        (
            certificate.sign(&entra, &json!({"aud": "https://elsewhere.example"})),
            700_023,
        ),
        (certificate.sign(&entra, &json!({"exp": 1})), 700_024),
        (
            certificate.sign(&entra, &json!({"nbf": 4_000_000_000_i64})),
            700_024,
        ),
    ] {
        let answer = ask_with_assertion(&entra, &assertion).await;
        assert_eq!(invalid_client(&answer), code);
    }
    let answer = ask_with_assertion(&entra, "nonsense").await;
    assert_eq!(Entra::refusal(&answer).2, 50027);
}

#[tokio::test]
async fn a_trusted_managed_identity_proves_the_client() {
    let entra = Entra::start().await;
    let token = entra
        .stand_ins
        .managed_identity_token(TOKEN_EXCHANGE_RESOURCE)
        .unwrap();
    let answer = ask_with_assertion(&entra, &token).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);

    let vault = entra
        .stand_ins
        .managed_identity_token("https://vault.azure.net");
    let minted = |persona: &str, version: &str| {
        let request: TokenRequest = serde_json::from_value(json!({
            "persona": persona, "version": version, "resource": TOKEN_EXCHANGE_RESOURCE,
        }))
        .unwrap();
        entra.mint(&request)
    };
    entra.advance(1);
    for (assertion, code) in [
        (vault.unwrap(), 700_211),
        (entra.token_of("daemon"), 700_212),
        (minted("daemon", "v2"), 700_213),
        (minted("reader", "v2"), 700_229),
        (format!("{token}x"), 700_027),
    ] {
        let answer = ask_with_assertion(&entra, &assertion).await;
        assert_eq!(invalid_client(&answer), code);
    }
    entra.advance(24 * 3600);
    let answer = ask_with_assertion(&entra, &token).await;
    assert_eq!(invalid_client(&answer), 700_024);
}

#[tokio::test]
async fn an_assertion_says_what_it_is() {
    let entra = Entra::start().await;
    let token = entra
        .stand_ins
        .managed_identity_token(TOKEN_EXCHANGE_RESOURCE)
        .unwrap();
    let only = [("client_secret", ""), ("client_assertion", token.as_str())];
    assert_eq!(Entra::refusal(&ask(&entra, &only).await).2, 900_144);
    let other = [only[0], only[1], ("client_assertion_type", "saml")];
    assert_eq!(Entra::refusal(&ask(&entra, &other).await).2, 90023);
}
