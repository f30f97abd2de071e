//! Public keys of clients that authenticate by signed assertions.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use thiserror::Error;

/// Why a key set is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeySetError {
    /// It is not a JSON Web Key Set (RFC 7517 section 5).
    #[error("it is not a JSON Web Key Set")]
    Malformed,
    /// It holds a symmetric or private key, which no other than the client
    /// may have.
    #[error("it holds a symmetric or a private key; only public keys belong there")]
    NotPublic,
    /// It holds no key that the server can use.
    #[error("it holds no key for ES256, RS256 or PS256")]
    NoUsableKey,
    /// It holds too many keys.
    #[error("it holds more than 20 keys")]
    TooMany,
}

/// Why a signature is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// None of the keys has this key id and algorithm. The client may have
    /// changed its keys: see [`super::Clients::find_again`].
    #[error("the client has no key of this key id and algorithm")]
    UnknownKey,
    /// The signature is not one of the key's.
    #[error("the signature is not valid")]
    Invalid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    /// A point of P-256, uncompressed: 65 bytes.
    P256(Vec<u8>),
    /// Modulus and exponent, big-endian.
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct PublicKey {
    kid: Option<String>,
    alg: Option<String>,
    material: Material,
}

/// The public keys of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeys(Vec<PublicKey>);

/// The most keys that one client may have.
const MOST_KEYS: usize = 20;

impl PublicKeys {
    /// No keys: nothing verifies.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Takes the keys of a JSON Web Key Set that can verify signatures.
    ///
    /// # Errors
    /// When it is not one, holds anything that is not public, or holds no
    /// usable key. Keys for other purposes and of other kinds are passed
    /// over.
    pub fn parse(set: &Value) -> Result<Self, KeySetError> {
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(KeySetError::Malformed)?;
        if keys.len() > MOST_KEYS {
            return Err(KeySetError::TooMany);
        }
        let secret = ["d", "k", "p", "q", "dp", "dq", "qi"];
        if keys
            .iter()
            .any(|key| secret.iter().any(|name| key.get(name).is_some()))
        {
            return Err(KeySetError::NotPublic);
        }
        let usable: Vec<_> = keys.iter().filter_map(public_key).collect();
        if usable.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        Ok(Self(usable))
    }

    /// Checks a JWS signature (RFC 7515) by the key that its header names:
    /// `algorithm` is the header's `alg` (ES256, RS256 or PS256), `kid` its
    /// key id, `message` header and payload as they were sent, `signature`
    /// the decoded signature.
    ///
    /// # Errors
    /// When no key fits, or none that fits made the signature.
    pub fn verify(
        &self,
        algorithm: &str,
        kid: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let mut outcome = Err(SignatureError::UnknownKey);
        for key in &self.0 {
            let named = kid.is_none_or(|kid| key.kid.as_deref().is_none_or(|own| own == kid));
            let bound = key.alg.as_deref().is_none_or(|alg| alg == algorithm);
            if !named || !bound {
                continue;
            }
            match key.material.verify(algorithm, message, signature) {
                Some(true) => return Ok(()),
                Some(false) => outcome = Err(SignatureError::Invalid),
                None => {}
            }
        }
        outcome
    }
}

impl Material {
    /// `None` when this key is not one for the algorithm.
    fn verify(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> Option<bool> {
        let verified = match (self, algorithm) {
            (Self::P256(point), "ES256") => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Self::Rsa { n, e }, "RS256") => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
            (Self::Rsa { n, e }, "PS256") => RsaPublicKeyComponents { n, e }.verify(
                &RSA_PSS_2048_8192_SHA256,
                message,
                signature,
            ),
            _ => return None,
        };
        Some(verified.is_ok())
    }
}

fn public_key(key: &Value) -> Option<PublicKey> {
    let text = |name| key.get(name).and_then(Value::as_str);
    let bytes = |name| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let (material, algorithms) = match text("kty")? {
        "EC" if text("crv") == Some("P-256") => {
            let (x, y): (Vec<u8>, Vec<u8>) = (bytes("x")?, bytes("y")?);
            if x.len() != 32 || y.len() != 32 {
                return None;
            }
            (
                Material::P256([&[4], x.as_slice(), y.as_slice()].concat()),
                &["ES256"][..],
            )
        }
        "RSA" => (
            Material::Rsa {
                n: bytes("n")?,
                e: bytes("e")?,
            },
            &["RS256", "PS256"][..],
        ),
        _ => return None,
    };
    let alg = text("alg").map(str::to_owned);
    if alg.as_deref().is_some_and(|alg| !algorithms.contains(&alg)) {
        return None;
    }
    Some(PublicKey {
        kid: text("kid").map(str::to_owned),
        alg,
        material,
    })
}
