//! The key ring: keys that sign our tokens, encrypt what is stored and
//! authenticate what is chained, with overlap so that rotation needs no
//! restart.

mod need;
mod rotation;

use std::collections::BTreeSet;
use std::fmt;

use aws_lc_rs::rand::SystemRandom as AwsRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::{Clock, Random};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use time::OffsetDateTime;
use zeroize::Zeroizing;

pub use need::{Census, Need, StoredValues};
pub use rotation::{KeyListing, PUBLISHED_FIRST, Rotation, RotationError, Step};

use crate::json::JsonFault;

/// Why a key ring cannot be used.
#[derive(Debug, Error)]
pub enum KeyRingError {
    /// Not the documented JSON.
    #[error("the key ring is not the documented JSON (version 1)")]
    Format(#[source] JsonFault),
    /// A newer version than this program knows.
    #[error("the key ring has version {0}; this program knows version 1")]
    Version(u32),
    /// A key whose material does not fit its use.
    #[error("key `{kid}` of the key ring is not a usable {what} key")]
    Key {
        /// The key's id.
        kid: String,
        /// What it should be.
        what: &'static str,
    },
    /// No current key for a use.
    #[error("the key ring has no current `{0}` key")]
    NoCurrent(&'static str),
    /// The cryptographic library failed.
    #[error("the cryptographic library refused an operation")]
    Cryptography,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// Signs access tokens: EC P-256 (ES256).
    Sig,
    /// Encrypts what is stored, and the cursors of records and event ids of
    /// streams that clients hold: 256 bits (AES-256-GCM).
    Enc,
    /// Authenticates the chains of the audit log and the state of questions
    /// to people: 256 bits (HMAC-SHA256).
    Mac,
}

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published, not yet used: verifiers learn it before it signs.
    Next,
    /// In use.
    Current,
    /// No longer used for new things; still verifies and decrypts.
    Retired,
}

/// A key's material as a JSON Web Key (RFC 7517).
#[derive(Clone, Serialize, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<Zeroizing<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    k: Option<Zeroizing<String>>,
}

#[derive(Clone, Serialize, Deserialize)]
struct StoredKey {
    kid: String,
    #[serde(rename = "use")]
    key_use: KeyUse,
    jwk: Jwk,
    state: KeyState,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
    /// When another key took its place.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    retired_at: Option<OffsetDateTime>,
}

#[derive(Serialize, Deserialize)]
struct StoredRing {
    version: u32,
    keys: Vec<StoredKey>,
}

impl StoredRing {
    fn from_json(json: &SecretString) -> Result<Self, KeyRingError> {
        let stored: Self = serde_json::from_str(json.expose_secret()).map_err(unreadable)?;
        if stored.version != 1 {
            return Err(KeyRingError::Version(stored.version));
        }
        Ok(stored)
    }

    fn to_json(&self) -> Result<SecretString, KeyRingError> {
        serde_json::to_string(self)
            .map(SecretString::from)
            .map_err(unreadable)
    }
}

pub(super) enum Material {
    Signing {
        pair: EcdsaKeyPair,
        x: String,
        y: String,
    },
    Symmetric(Zeroizing<[u8; 32]>),
}

pub(super) struct Key {
    pub(super) kid: String,
    pub(super) state: KeyState,
    purpose: KeyUse,
    pub(super) material: Material,
}

/// The keys of this deployment. One ring is read at start and replaced as a
/// whole when it changes.
pub struct KeyRing {
    keys: Vec<Key>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KeyRing")
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

/// A public signing key as it stands in our JWKS (RFC 7517 section 4).
#[derive(Debug, Clone, Serialize)]
pub struct PublicJwk {
    kty: &'static str,
    crv: &'static str,
    #[serde(rename = "use")]
    key_use: &'static str,
    alg: &'static str,
    kid: String,
    x: String,
    y: String,
}

/// A key as administrators see it: without its material.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeySummary {
    /// Its id.
    pub kid: String,
    /// What it is for.
    #[serde(rename = "use")]
    pub key_use: KeyUse,
    /// Where it is in its life.
    pub state: KeyState,
}

impl KeyRing {
    /// The keys without their material, in the ring's order.
    #[must_use]
    pub fn summary(&self) -> Vec<KeySummary> {
        self.keys
            .iter()
            .map(|key| KeySummary {
                kid: key.kid.clone(),
                key_use: key.purpose,
                state: key.state,
            })
            .collect()
    }

    /// Reads a ring from its JSON
    /// (`{"version": 1, "keys": [{kid, use, jwk, state, created_at}]}`).
    ///
    /// # Errors
    /// When the JSON, a key, or the set of current keys is not sound.
    pub fn parse(json: &SecretString) -> Result<Self, KeyRingError> {
        let stored = StoredRing::from_json(json)?;
        let keys = stored
            .keys
            .into_iter()
            .map(load)
            .collect::<Result<_, _>>()?;
        let ring = Self { keys };
        for (key_use, name) in [
            (KeyUse::Sig, "sig"),
            (KeyUse::Enc, "enc"),
            (KeyUse::Mac, "mac"),
        ] {
            ring.current(key_use).ok_or(KeyRingError::NoCurrent(name))?;
        }
        Ok(ring)
    }

    /// Makes a new ring with one current key for each use, as JSON.
    ///
    /// # Errors
    /// When the cryptographic library cannot make a key.
    pub fn generate(clock: &dyn Clock, random: &dyn Random) -> Result<SecretString, KeyRingError> {
        let now = clock.now();
        let keys = [KeyUse::Sig, KeyUse::Enc, KeyUse::Mac]
            .into_iter()
            .map(|key_use| new_key(key_use, KeyState::Current, now, random))
            .collect::<Result<_, _>>()?;
        StoredRing { version: 1, keys }.to_json()
    }

    /// The ids of retired encryption keys.
    #[must_use]
    pub fn retired_encryption_keys(&self) -> BTreeSet<String> {
        self.keys
            .iter()
            .filter(|key| key.purpose == KeyUse::Enc && key.state == KeyState::Retired)
            .map(|key| key.kid.clone())
            .collect()
    }

    pub(super) fn current(&self, key_use: KeyUse) -> Option<&Key> {
        self.keys
            .iter()
            .find(|key| key.purpose == key_use && key.state == KeyState::Current)
    }

    pub(super) fn find(&self, key_use: KeyUse, kid: &str) -> Option<&Key> {
        self.keys
            .iter()
            .find(|key| key.purpose == key_use && key.kid == kid)
    }

    /// Our public signing keys: next, current and retired.
    #[must_use]
    pub fn public_keys(&self) -> Vec<PublicJwk> {
        self.keys
            .iter()
            .filter_map(|key| match &key.material {
                Material::Signing { x, y, .. } => Some(PublicJwk {
                    kty: "EC",
                    crv: "P-256",
                    key_use: "sig",
                    alg: "ES256",
                    kid: key.kid.clone(),
                    x: x.clone(),
                    y: y.clone(),
                }),
                Material::Symmetric(_) => None,
            })
            .collect()
    }

    /// Signs `message` with the current signing key: key id and the 64 bytes
    /// of an ES256 signature (RFC 7518 section 3.4).
    ///
    /// # Errors
    /// When the cryptographic library fails.
    pub fn sign(
        &self,
        message: impl FnOnce(&str) -> Vec<u8>,
    ) -> Result<(Vec<u8>, Vec<u8>), KeyRingError> {
        let key = self
            .current(KeyUse::Sig)
            .ok_or(KeyRingError::NoCurrent("sig"))?;
        let Material::Signing { pair, .. } = &key.material else {
            return Err(KeyRingError::NoCurrent("sig"));
        };
        let message = message(&key.kid);
        let signature = pair
            .sign(&AwsRandom::new(), &message)
            .map_err(|_| KeyRingError::Cryptography)?;
        Ok((message, signature.as_ref().to_vec()))
    }

    /// Whether the ring has a signing key of this id.
    pub(super) fn has_signing_key(&self, kid: &str) -> bool {
        self.find(KeyUse::Sig, kid).is_some()
    }

    /// Whether `signature` is that of `message` by the signing key `kid`;
    /// `None` when the ring has no such key.
    #[must_use]
    pub fn verify(&self, kid: &str, message: &[u8], signature: &[u8]) -> Option<bool> {
        let key = self.find(KeyUse::Sig, kid)?;
        let Material::Signing { pair, .. } = &key.material else {
            return None;
        };
        let public = UnparsedPublicKey::new(
            &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED,
            pair.public_key().as_ref(),
        );
        Some(public.verify(message, signature).is_ok())
    }
}

fn unreadable(error: serde_json::Error) -> KeyRingError {
    KeyRingError::Format(error.into())
}

fn load(stored: StoredKey) -> Result<Key, KeyRingError> {
    let unusable = |what| KeyRingError::Key {
        kid: stored.kid.clone(),
        what,
    };
    let material = match stored.key_use {
        KeyUse::Sig => signing_material(&stored.jwk).ok_or_else(|| unusable("EC P-256"))?,
        KeyUse::Enc | KeyUse::Mac => {
            symmetric_material(&stored.jwk).ok_or_else(|| unusable("256 bit"))?
        }
    };
    Ok(Key {
        kid: stored.kid,
        state: stored.state,
        purpose: stored.key_use,
        material,
    })
}

fn signing_material(jwk: &Jwk) -> Option<Material> {
    let (x, y) = (jwk.x.clone()?, jwk.y.clone()?);
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.decode(jwk.d.as_ref()?.as_str()).ok()?);
    let mut public = vec![4];
    public.extend(URL_SAFE_NO_PAD.decode(&x).ok()?);
    public.extend(URL_SAFE_NO_PAD.decode(&y).ok()?);
    let pair = EcdsaKeyPair::from_private_key_and_public_key(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        &secret,
        &public,
    )
    .ok()?;
    Some(Material::Signing { pair, x, y })
}

fn symmetric_material(jwk: &Jwk) -> Option<Material> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(jwk.k.as_ref()?.as_str()).ok()?);
    let key: [u8; 32] = bytes.as_slice().try_into().ok()?;
    Some(Material::Symmetric(Zeroizing::new(key)))
}

/// A fresh key.
fn new_key(
    key_use: KeyUse,
    state: KeyState,
    now: OffsetDateTime,
    random: &dyn Random,
) -> Result<StoredKey, KeyRingError> {
    let jwk = match key_use {
        KeyUse::Sig => signing_jwk()?,
        KeyUse::Enc | KeyUse::Mac => symmetric_jwk(random),
    };
    let mut number = [0; 4];
    random.fill(&mut number);
    Ok(StoredKey {
        kid: format!("{}-{:08x}", now.date(), u32::from_be_bytes(number)),
        key_use,
        jwk,
        state,
        // Whole seconds: people read them.
        created_at: now.replace_nanosecond(0).unwrap_or(now),
        retired_at: None,
    })
}

fn signing_jwk() -> Result<Jwk, KeyRingError> {
    use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
        .map_err(|_| KeyRingError::Cryptography)?;
    let secret: EcPrivateKeyBin<'_> = pair
        .private_key()
        .as_be_bytes()
        .map_err(|_| KeyRingError::Cryptography)?;
    let public = pair.public_key().as_ref();
    let (x, y) = public
        .get(1..)
        .and_then(|point| point.split_at_checked(32))
        .ok_or(KeyRingError::Cryptography)?;
    Ok(Jwk {
        kty: "EC".to_owned(),
        crv: Some("P-256".to_owned()),
        x: Some(URL_SAFE_NO_PAD.encode(x)),
        y: Some(URL_SAFE_NO_PAD.encode(y)),
        d: Some(Zeroizing::new(URL_SAFE_NO_PAD.encode(secret.as_ref()))),
        k: None,
    })
}

fn symmetric_jwk(random: &dyn Random) -> Jwk {
    Jwk {
        kty: "oct".to_owned(),
        crv: None,
        x: None,
        y: None,
        d: None,
        k: Some(Zeroizing::new(random.secret())),
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::{SystemClock, SystemRandom};

    use super::*;

    #[test]
    fn a_generated_ring_signs_and_verifies() {
        let json = KeyRing::generate(&SystemClock::new(), &SystemRandom).unwrap();
        let ring = KeyRing::parse(&json).unwrap();
        let kid = ring.public_keys()[0].kid.clone();
        let (message, signature) = ring.sign(|_| b"hello".to_vec()).unwrap();
        assert_eq!(ring.verify(&kid, &message, &signature), Some(true));
        assert_eq!(ring.verify(&kid, b"hellO", &signature), Some(false));
        assert_eq!(ring.verify("other", &message, &signature), None);
    }

    #[test]
    fn the_public_keys_hold_nothing_private() {
        let json = KeyRing::generate(&SystemClock::new(), &SystemRandom).unwrap();
        let ring = KeyRing::parse(&json).unwrap();
        let published = serde_json::to_value(ring.public_keys()).unwrap();
        assert_eq!(published.as_array().unwrap().len(), 1);
        assert!(published[0].get("d").is_none() && published[0].get("k").is_none());
        assert!(!format!("{ring:?}").contains("\"d\""));
    }

    #[test]
    fn an_incomplete_or_newer_ring_is_refused() {
        let refuse = |text: &str| KeyRing::parse(&SecretString::from(text)).unwrap_err();
        assert!(matches!(refuse("{}"), KeyRingError::Format(_)));
        // What was put in the ring's place by mistake is in no log.
        let said = crate::error::chain(&refuse("\"hunter2\""));
        assert!(
            said.contains("another form") && !said.contains("hunter2"),
            "{said}"
        );
        assert!(matches!(
            refuse(r#"{"version":2,"keys":[]}"#),
            KeyRingError::Version(2)
        ));
        assert!(matches!(
            refuse(r#"{"version":1,"keys":[]}"#),
            KeyRingError::NoCurrent("sig")
        ));
    }
}
