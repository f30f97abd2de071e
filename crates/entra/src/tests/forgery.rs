use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PSS_SHA256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::{any, proptest};
use proptest::test_runner::Config;
use serde_json::json;
use tokio::runtime::Runtime;

use super::world::{FOREIGN, SIGNER, World, changed};
use crate::AccessTokenError;

/// Asserts that `$token` is refused with `$reason`.
macro_rules! refused {
    ($world:expr, $token:expr, $reason:pat) => {{
        let error = $world.validator.validate(&$token).await.unwrap_err();
        assert!(matches!(error, $reason), "{error:?}");
    }};
}

fn encoded(text: &impl ToString) -> String {
    URL_SAFE_NO_PAD.encode(text.to_string())
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    let world = World::new().await;
    for algorithm in ["none", "None", "NONE", ""] {
        let header = encoded(&json!({"alg": algorithm, "kid": "first-key"}));
        let payload = encoded(&world.claims());
        let unsigned = format!("{header}.{payload}.");
        refused!(world, unsigned, AccessTokenError::UnsupportedAlgorithm);
        let with_a_signature = format!("{header}.{payload}.{}", encoded(&"x"));
        refused!(
            world,
            with_a_signature,
            AccessTokenError::UnsupportedAlgorithm
        );
    }
    // RS256 by the header, and no signature at all.
    let header = encoded(&json!({"alg": "RS256", "kid": "first-key"}));
    let bare = format!("{header}.{}.", encoded(&world.claims()));
    refused!(world, bare, AccessTokenError::Signature);
}

#[tokio::test]
async fn an_hmac_keyed_with_the_public_key_is_refused() {
    let world = World::new().await;
    let public = SIGNER.public();
    for secret in [&public.n, SIGNER.jwk()["n"].as_str().unwrap().as_bytes()] {
        let header = encoded(&json!({"alg": "HS256", "typ": "JWT", "kid": "first-key"}));
        let input = format!("{header}.{}", encoded(&world.claims()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, input.as_bytes()));
        let token = format!("{input}.{tag}");
        refused!(world, token, AccessTokenError::UnsupportedAlgorithm);
        // The same tag under a header that says RS256.
        let header = encoded(&json!({"alg": "RS256", "kid": "first-key"}));
        let token = format!("{header}.{}.{tag}", encoded(&world.claims()));
        refused!(world, token, AccessTokenError::Signature);
    }
}

#[tokio::test]
async fn a_pss_signature_of_the_right_key_is_refused() {
    let world = World::new().await;
    for (algorithm, expected) in [("PS256", "RS256"), ("RS256", "signature")] {
        let header = encoded(&json!({"alg": algorithm, "kid": "first-key"}));
        let input = format!("{header}.{}", encoded(&world.claims()));
        let mut signature = vec![0; SIGNER.pair.public_modulus_len()];
        let random = SystemRandom::new();
        SIGNER
            .pair
            .sign(&RSA_PSS_SHA256, &random, input.as_bytes(), &mut signature)
            .unwrap();
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
        let error = world.validator.validate(&token).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_foreign_key_under_our_key_id_is_refused() {
    let world = World::new().await;
    let header = json!({"alg": "RS256", "kid": "first-key"}).to_string();
    let token = FOREIGN.sign_text(&header, &world.claims().to_string());
    refused!(world, token, AccessTokenError::Signature);
    // A key that the token brings along is not looked at.
    let header = json!({"alg": "RS256", "kid": "first-key", "jwk": FOREIGN.jwk()}).to_string();
    let token = FOREIGN.sign_text(&header, &world.claims().to_string());
    refused!(world, token, AccessTokenError::Signature);
}

#[tokio::test]
async fn a_token_without_a_key_id_is_refused() {
    let world = World::new().await;
    let token = SIGNER.sign_text(r#"{"alg":"RS256"}"#, &world.claims().to_string());
    refused!(world, token, AccessTokenError::UnknownKey);
}

#[tokio::test]
async fn critical_header_extensions_are_refused() {
    let world = World::new().await;
    for crit in [json!(["b64"]), json!([]), json!("exp")] {
        let header = json!({"alg": "RS256", "kid": "first-key", "crit": crit, "b64": true});
        let token = SIGNER.sign_text(&header.to_string(), &world.claims().to_string());
        refused!(world, token, AccessTokenError::CriticalHeader);
    }
}

#[tokio::test]
async fn a_name_twice_in_header_or_claims_is_refused_though_signed() {
    let world = World::new().await;
    let header = json!({"alg": "RS256", "kid": "first-key"}).to_string();
    let claims = world.claims().to_string();
    assert!(
        world
            .validator
            .validate(&SIGNER.sign_text(&header, &claims))
            .await
            .is_ok()
    );
    for twice in [
        r#""aud":"other","#,
        r#""tid":null,"#,
        r#""unknown":1,"unknown":1,"#,
    ] {
        let claims = claims.replacen('{', &format!("{{{twice}"), 1);
        let token = SIGNER.sign_text(&header, &claims);
        refused!(world, token, AccessTokenError::Malformed);
    }
    let header = header.replacen('{', r#"{"alg":"none","#, 1);
    let token = SIGNER.sign_text(&header, &claims);
    refused!(world, token, AccessTokenError::Malformed);
}

#[tokio::test]
async fn what_is_not_a_compact_jwt_is_malformed() {
    let world = World::new().await;
    let good = SIGNER.sign(&world.claims());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let long = SIGNER.sign(&changed(world.claims(), json!({"x": "y".repeat(16_384)})));
    let header = encoded(&json!({"alg": "RS256", "kid": "first-key"}));
    let cases = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        head.to_owned(),
        format!("{good}.{signature}"),
        format!(" {good}"),
        format!("={good}"),
        format!("{header}.{}.{signature}", encoded(&"[]")),
        format!("{header}.{}.{signature}", encoded(&"{}x")),
        format!("{}.{}.{signature}", encoded(&"{}"), encoded(&"{}")),
        long,
    ];
    for token in cases {
        refused!(world, token, AccessTokenError::Malformed);
    }
    assert!(world.cached(&"x".repeat(20_000)).is_none());
}

#[test]
fn a_token_with_any_byte_changed_is_never_accepted() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let token = SIGNER.sign(&world.claims());
    runtime.block_on(world.validator.validate(&token)).unwrap();
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(2_000)
    };
    proptest!(config, |(at in 0..token.len(), byte in any::<u8>())| {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = byte;
        if let Ok(mutated) = String::from_utf8(bytes) && mutated != token {
            assert!(world.cached(&mutated).is_none());
            assert!(runtime.block_on(world.validator.validate(&mutated)).is_err());
        }
    });
}

#[test]
fn every_other_last_character_of_the_signature_is_refused() {
    // The last character carries bits that a lax decoder drops, so that four
    // spellings would stand for one signature.
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let token = SIGNER.sign(&world.claims());
    let (stem, last) = token.split_at(token.len() - 1);
    for byte in (0..=127_u8).map(char::from).filter(|c| !last.contains(*c)) {
        let verdict = runtime.block_on(world.validator.validate(&format!("{stem}{byte}")));
        assert!(verdict.is_err(), "{byte:?}");
    }
    assert!(runtime.block_on(world.validator.validate(&token)).is_ok());
}
