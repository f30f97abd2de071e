//! Our own credentials: what they send, and what they are not made of.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::{ManualClock, SystemRandom};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use time::macros::datetime;
use url::Url;
use uuid::Uuid;

use super::authority::Prepared;
use super::world::World;
use crate::{CertificateError, ClientCertificate, ClientCredential, EntraError};

const CLIENT: Uuid = Uuid::from_u128(5);

fn from_pem(pem: &str) -> Result<ClientCertificate, CertificateError> {
    let clock = Arc::new(ManualClock::at(datetime!(2026-11-21 12:00 UTC)));
    let pem = SecretString::from(pem);
    ClientCertificate::from_pem(&pem, CLIENT, clock, Arc::new(SystemRandom))
}

fn part(jwt: &str, index: usize) -> Value {
    let part = jwt.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_certificate_signs_a_fresh_assertion_for_each_request() {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    let credential = from_pem(&(key.serialize_pem() + &certificate.pem())).unwrap();
    let endpoint = Url::parse("https://login.example/tenant/oauth2/v2.0/token").unwrap();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let fields = credential.form_fields(&endpoint).await.unwrap();
        assert_eq!(fields[0].0, "client_assertion_type");
        let (name, assertion) = &fields[1];
        assert_eq!(*name, "client_assertion");
        let jwt = assertion.expose_secret();
        let header = part(jwt, 0);
        assert_eq!(header["alg"], "PS256");
        assert!(header["x5t#S256"].is_string() && header.get("x5c").is_none());
        let claims = part(jwt, 1);
        assert_eq!(claims["aud"], endpoint.as_str());
        assert_eq!(claims["iss"], CLIENT.to_string());
        assert_eq!(claims["sub"], CLIENT.to_string());
        let lives = claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap();
        assert_eq!(lives, 600);
        ids.push(claims["jti"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    assert!(!format!("{credential:?}").contains("PRIVATE"));
}

#[test]
fn what_is_no_certificate_with_its_rsa_key_is_refused() {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let other = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let certificate = CertificateParams::default()
        .self_signed(&key)
        .unwrap()
        .pem();
    let elliptic = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let its = CertificateParams::default()
        .self_signed(&elliptic)
        .unwrap()
        .pem();
    for (pem, fault) in [
        (key.serialize_pem(), CertificateError::NoCertificate),
        (certificate.clone(), CertificateError::NoKey),
        (
            certificate + &other.serialize_pem(),
            CertificateError::Mismatch,
        ),
        (its + &elliptic.serialize_pem(), CertificateError::NoKey),
    ] {
        assert_eq!(from_pem(&pem).unwrap_err(), fault);
    }
}

/// `error`, code (0: none), and whether it means that the credential was taken.
const REFUSALS: [(&str, u32, bool); 14] = [
    ("invalid_client", 0, false),
    ("invalid_client", 70_002, false),
    ("invalid_client", 700_023, false),
    ("invalid_client", 700_027, false),
    ("invalid_client", 7_000_215, false),
    ("invalid_client", 7_000_229, false),
    ("invalid_client", 9_999_999, false),
    ("unauthorized_client", 700_016, false),
    ("invalid_request", 700_213, false),
    ("invalid_client", 650_052, true),
    ("invalid_client", 650_057, true),
    ("invalid_resource", 500_011, true),
    ("invalid_grant", 501_051, true),
    ("invalid_scope", 70_011, true),
];

#[tokio::test]
async fn a_refusal_says_whether_it_is_the_credential_that_is_not_taken() {
    let world = World::new().await;
    for (error, code, taken) in REFUSALS {
        let mut answer = json!({"error": error});
        if code != 0 {
            answer["error_codes"] = json!([code]);
        }
        world.authority.answer(Prepared::json(401, &answer));
        let checked = world.client.check_credential().await;
        assert_eq!(checked.is_ok(), taken, "{answer}");
        let trouble = world.client.credential_status().trouble;
        assert_eq!(trouble.is_none(), taken, "{answer}");
    }
}

#[tokio::test]
async fn what_is_not_entras_answer_does_not_mean_that_the_credential_is_taken() {
    let world = World::new().await;
    for status in [200, 302, 403, 407] {
        world.authority.answer(Prepared {
            status,
            retry_after: None,
            body: "<html>Sign in to the proxy</html>".to_owned(),
        });
        let error = world.client.check_credential().await.unwrap_err();
        assert!(matches!(error, EntraError::Protocol { .. }), "{error:?}");
    }
    assert!(world.client.credential_status().trouble.is_none());
}
