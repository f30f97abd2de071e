use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::{KeySetError, PublicKeys, SignatureError};

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn p256() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

fn jwk_of(key: &EcdsaKeyPair, kid: &str) -> Value {
    let point = key.public_key().as_ref();
    json!({
        "kty": "EC", "crv": "P-256", "use": "sig", "kid": kid,
        "x": encode(&point[1..33]), "y": encode(&point[33..]),
    })
}

/// A public key that nobody has the other half of.
pub(super) fn p256_jwk(kid: &str) -> Value {
    jwk_of(&p256(), kid)
}

fn sign(key: &EcdsaKeyPair, message: &[u8]) -> Vec<u8> {
    let signature = key.sign(&SystemRandom::new(), message).unwrap();
    signature.as_ref().to_vec()
}

#[test]
fn a_signature_is_checked_by_the_key_that_it_names() {
    let (one, other) = (p256(), p256());
    let keys =
        PublicKeys::parse(&json!({"keys": [jwk_of(&one, "1"), jwk_of(&other, "2")]})).unwrap();
    let signature = sign(&one, b"header.payload");
    let verify = |kid, message: &[u8]| keys.verify("ES256", kid, message, &signature);
    assert_eq!(verify(Some("1"), b"header.payload"), Ok(()));
    assert_eq!(verify(None, b"header.payload"), Ok(()));
    assert_eq!(
        verify(Some("2"), b"header.payload"),
        Err(SignatureError::Invalid)
    );
    assert_eq!(
        verify(Some("1"), b"header.payloae"),
        Err(SignatureError::Invalid)
    );
    assert_eq!(
        verify(Some("3"), b"header.payload"),
        Err(SignatureError::UnknownKey)
    );
}

#[test]
fn an_algorithm_that_is_not_the_keys_verifies_nothing() {
    let key = p256();
    let keys = PublicKeys::parse(&json!({"keys": [jwk_of(&key, "1")]})).unwrap();
    let signature = sign(&key, b"message");
    for algorithm in ["none", "HS256", "RS256", "PS256", "ES384", "es256", ""] {
        let outcome = keys.verify(algorithm, Some("1"), b"message", &signature);
        assert_eq!(outcome, Err(SignatureError::UnknownKey), "{algorithm}");
    }
}

#[test]
fn rsa_keys_verify_by_both_paddings_unless_bound_to_one() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let jwk = |alg: Option<&str>| {
        let n = encode(public.modulus().big_endian_without_leading_zero());
        let e = encode(public.exponent().big_endian_without_leading_zero());
        let mut jwk = json!({"kty": "RSA", "n": n, "e": e});
        if let Some(alg) = alg {
            jwk["alg"] = json!(alg);
        }
        PublicKeys::parse(&json!({"keys": [jwk]})).unwrap()
    };
    let mut pkcs1 = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"m", &mut pkcs1)
        .unwrap();
    let mut pss = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), b"m", &mut pss)
        .unwrap();

    assert_eq!(jwk(None).verify("RS256", None, b"m", &pkcs1), Ok(()));
    assert_eq!(jwk(None).verify("PS256", None, b"m", &pss), Ok(()));
    assert_eq!(
        jwk(None).verify("RS256", None, b"m", &pss),
        Err(SignatureError::Invalid)
    );
    assert_eq!(
        jwk(Some("PS256")).verify("RS256", None, b"m", &pkcs1),
        Err(SignatureError::UnknownKey)
    );
}

#[test]
fn only_public_keys_that_can_verify_are_taken() {
    let good = p256_jwk("1");
    let mut private = good.clone();
    private["d"] = json!("AAAA");
    let mut encryption = good.clone();
    encryption["use"] = json!("enc");
    let many: Vec<_> = (0..21).map(|_| good.clone()).collect();
    let oct = json!({"kty": "oct", "k": "AAAA"});
    for (set, error) in [
        (json!({}), KeySetError::Malformed),
        (json!([good]), KeySetError::Malformed),
        (json!({"keys": {}}), KeySetError::Malformed),
        (json!({"keys": []}), KeySetError::NoUsableKey),
        (json!({"keys": [encryption]}), KeySetError::NoUsableKey),
        (
            json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]}),
            KeySetError::NoUsableKey,
        ),
        (json!({"keys": [good, private]}), KeySetError::NotPublic),
        (json!({"keys": [good, oct]}), KeySetError::NotPublic),
        (json!({"keys": many}), KeySetError::TooMany),
    ] {
        assert_eq!(PublicKeys::parse(&set), Err(error), "{set}");
    }
}
