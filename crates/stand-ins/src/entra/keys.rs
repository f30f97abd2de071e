use std::sync::Mutex;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::encoding::{base64url, lock, pem};
use crate::store::{Store, StoreError};

const FILE: &str = "entra-keys.json";

/// The RSA keys that sign every token, with one of them in use.
pub(crate) struct SigningKeys {
    store: Store,
    ring: Mutex<Vec<Key>>,
}

struct Key {
    kid: String,
    pkcs8: Vec<u8>,
    encoding: EncodingKey,
    decoding: DecodingKey,
    public: Vec<u8>,
    modulus: String,
    exponent: String,
    state: KeyState,
}

/// What a key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published, and to sign later.
    Next,
    /// Signs. Exactly one key does.
    Signing,
    /// Published for the sake of what it signed.
    Retired,
}

/// A change of the key ring, the body of `POST /stand-in/rotate-keys`.
///
/// The default makes a new key that signs at once and keeps the old ones
/// published. Microsoft Learn, "Signing key rollover", promises no overlap: a
/// client must cope with a key that signs before it has ever been seen and
/// with one that is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyRotation {
    /// What happens to the newest key.
    pub new_key: NewKey,
    /// Whether the keys that do not sign (any more) stay in the JWKS.
    pub old_keys: OldKeys,
}

/// What a rotation does about a new key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NewKey {
    /// The key published before, or a fresh one, signs from now on.
    #[default]
    Signs,
    /// A fresh key is published and does not sign yet.
    Published,
    /// No new key; only `old_keys` counts.
    None,
}

/// What a rotation does about the keys before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OldKeys {
    /// They stay published.
    #[default]
    Kept,
    /// They are dropped: what they signed cannot be verified any more.
    Dropped,
}

/// A key could not be made, kept or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Making or reading an RSA key failed.
    #[error("an RSA key could not be made or read")]
    Key,
    /// The kept keys are not what this version writes.
    #[error("the kept signing keys are not readable")]
    Format(#[from] serde_json::Error),
    /// The data directory failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signing failed.
    #[error("a token could not be signed")]
    Signature(#[from] jsonwebtoken::errors::Error),
}

/// Why a token is not one that these keys signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignatureFault {
    /// Not a JWT.
    Malformed,
    /// No published key has this `kid`.
    UnknownKey,
    /// The signature does not fit.
    Mismatch,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    keys: Vec<KeptKey>,
}

#[derive(Serialize, Deserialize)]
struct KeptKey {
    pkcs8: String,
    state: KeyState,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SigningKeys")
            .finish_non_exhaustive()
    }
}

impl Key {
    fn generate(state: KeyState) -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Key)?;
        let der = pair.as_der().map_err(|_| KeyError::Key)?;
        Self::from_pkcs8(der.as_ref(), state)
    }

    fn from_pkcs8(pkcs8: &[u8], state: KeyState) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::Key)?;
        let public = pair.public_key();
        let modulus = base64url(public.modulus().big_endian_without_leading_zero());
        let exponent = base64url(public.exponent().big_endian_without_leading_zero());
        let thumbprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, public.as_ref());
        Ok(Self {
            kid: base64url(thumbprint.as_ref()),
            encoding: EncodingKey::from_rsa_pem(pem("PRIVATE KEY", pkcs8).as_bytes())?,
            decoding: DecodingKey::from_rsa_components(&modulus, &exponent)?,
            pkcs8: pkcs8.to_vec(),
            public: public.as_ref().to_vec(),
            modulus,
            exponent,
            state,
        })
    }
}

impl SigningKeys {
    /// The kept keys, or a new one.
    pub(crate) fn open(store: Store) -> Result<Self, KeyError> {
        let ring = match store.read(FILE)? {
            Some(text) => serde_json::from_str::<Kept>(&text)?
                .keys
                .into_iter()
                .map(|kept| {
                    let pkcs8 = STANDARD.decode(&kept.pkcs8).map_err(|_| KeyError::Key)?;
                    Key::from_pkcs8(&pkcs8, kept.state)
                })
                .collect::<Result<Vec<_>, _>>()?,
            None => vec![Key::generate(KeyState::Signing)?],
        };
        let keys = Self {
            store,
            ring: Mutex::new(ring),
        };
        keys.keep(&lock(&keys.ring))?;
        Ok(keys)
    }

    fn keep(&self, ring: &[Key]) -> Result<(), KeyError> {
        let kept = Kept {
            keys: ring
                .iter()
                .map(|key| KeptKey {
                    pkcs8: STANDARD.encode(&key.pkcs8),
                    state: key.state,
                })
                .collect(),
        };
        Ok(self.store.write(FILE, &serde_json::to_string(&kept)?)?)
    }

    /// Changes the ring. Makes an RSA key, so it takes some 100 ms.
    /// Returns the `kid`s and their states.
    pub(crate) fn rotate(
        &self,
        rotation: KeyRotation,
    ) -> Result<Vec<(String, KeyState)>, KeyError> {
        let has_next = |ring: &[Key]| ring.iter().any(|key| key.state == KeyState::Next);
        let fresh = match rotation.new_key {
            NewKey::Published => Some(Key::generate(KeyState::Next)?),
            NewKey::Signs if !has_next(&lock(&self.ring)) => Some(Key::generate(KeyState::Next)?),
            NewKey::Signs | NewKey::None => None,
        };
        let mut ring = lock(&self.ring);
        ring.extend(fresh);
        let newest = ring.iter().rposition(|key| key.state == KeyState::Next);
        if let (NewKey::Signs, Some(newest)) = (rotation.new_key, newest) {
            for (index, key) in ring.iter_mut().enumerate() {
                if index == newest {
                    key.state = KeyState::Signing;
                } else if key.state == KeyState::Signing {
                    key.state = KeyState::Retired;
                }
            }
        }
        if rotation.old_keys == OldKeys::Dropped {
            ring.retain(|key| key.state != KeyState::Retired);
        }
        self.keep(&ring)?;
        Ok(ring
            .iter()
            .map(|key| (key.kid.clone(), key.state))
            .collect())
    }

    /// The JWKS, each key with Microsoft's `issuer` member: the issuer (or, in
    /// the documents for more than one tenant, the template of it) for which
    /// the key may sign.
    pub(crate) fn document(&self, issuer: &str) -> Value {
        let keys: Vec<Value> = lock(&self.ring)
            .iter()
            .map(|key| {
                json!({
                    "kty": "RSA",
                    "use": "sig",
                    "kid": key.kid,
                    "x5t": key.kid,
                    "n": key.modulus,
                    "e": key.exponent,
                    "cloud_instance_name": "microsoftonline.com",
                    "issuer": issuer,
                })
            })
            .collect();
        json!({ "keys": keys })
    }

    /// `claims` as a JWT (RS256), with the signing key's `kid` and `x5t`.
    pub(crate) fn sign(&self, claims: &Map<String, Value>) -> Result<String, KeyError> {
        self.with_signing_key(|key| encode(claims, &key.kid, &key.encoding))
    }

    /// The same under another `kid`.
    pub(crate) fn sign_under(
        &self,
        claims: &Map<String, Value>,
        kid: &str,
    ) -> Result<String, KeyError> {
        self.with_signing_key(|key| encode(claims, kid, &key.encoding))
    }

    /// The signing key's `kid` and its public half (DER of RFC 8017
    /// `RSAPublicKey`).
    pub(crate) fn public_key(&self) -> Result<(String, Vec<u8>), KeyError> {
        self.with_signing_key(|key| Ok((key.kid.clone(), key.public.clone())))
    }

    fn with_signing_key<T>(
        &self,
        use_key: impl FnOnce(&Key) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let ring = lock(&self.ring);
        let key = ring
            .iter()
            .find(|key| key.state == KeyState::Signing)
            .ok_or(KeyError::Key)?;
        use_key(key)
    }

    /// The claims of a token that a published key signed. Times, issuer and
    /// audience are the caller's to check.
    pub(crate) fn verify(&self, token: &str) -> Result<Map<String, Value>, SignatureFault> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| SignatureFault::Malformed)?;
        let ring = lock(&self.ring);
        let key = ring
            .iter()
            .find(|key| header.kid.as_deref() == Some(&key.kid))
            .ok_or(SignatureFault::UnknownKey)?;
        verify_with(token, &key.decoding, &[Algorithm::RS256])
    }
}

fn encode(claims: &Map<String, Value>, kid: &str, key: &EncodingKey) -> Result<String, KeyError> {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(kid.to_owned());
    header.x5t = Some(kid.to_owned());
    Ok(jsonwebtoken::encode(&header, claims, key)?)
}

/// The claims of a token that `key` signed with one of `algorithms`, with
/// nothing but the signature checked.
pub(crate) fn verify_with(
    token: &str,
    key: &DecodingKey,
    algorithms: &[Algorithm],
) -> Result<Map<String, Value>, SignatureFault> {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.algorithms = algorithms.to_vec();
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    jsonwebtoken::decode(token, key, &validation)
        .map(|data| data.claims)
        .map_err(|_| SignatureFault::Mismatch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Map<String, Value> {
        Map::from_iter([("sub".to_owned(), json!("someone"))])
    }

    fn kids(keys: &SigningKeys) -> Vec<String> {
        let document = keys.document("https://issuer");
        let list = document["keys"].as_array().unwrap().clone();
        list.iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_new_key_signs_at_once_and_the_old_one_stays_until_dropped() {
        let keys = SigningKeys::open(Store::default()).unwrap();
        let before = keys.sign(&claims()).unwrap();
        keys.rotate(KeyRotation::default()).unwrap();
        let after = keys.sign(&claims()).unwrap();
        assert_eq!(kids(&keys).len(), 2);
        assert!(keys.verify(&before).is_ok() && keys.verify(&after).is_ok());

        keys.rotate(KeyRotation {
            new_key: NewKey::None,
            old_keys: OldKeys::Dropped,
        })
        .unwrap();
        assert_eq!(kids(&keys).len(), 1);
        assert_eq!(keys.verify(&before), Err(SignatureFault::UnknownKey));
        assert!(keys.verify(&after).is_ok());
    }

    #[test]
    fn a_published_key_signs_only_after_the_next_rotation() {
        let keys = SigningKeys::open(Store::default()).unwrap();
        let first = kids(&keys);
        keys.rotate(KeyRotation {
            new_key: NewKey::Published,
            old_keys: OldKeys::Dropped,
        })
        .unwrap();
        let published = kids(&keys);
        assert_eq!(published.len(), 2);
        let signed_by = |keys: &SigningKeys| {
            let token = keys.sign(&claims()).unwrap();
            jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
        };
        assert_eq!(signed_by(&keys), first[0]);
        keys.rotate(KeyRotation::default()).unwrap();
        assert_eq!(signed_by(&keys), published[1]);
        assert_eq!(kids(&keys), published);
    }

    #[test]
    fn keys_outlive_the_process_when_there_is_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(Some(directory.path().to_owned())).unwrap();
        let token = SigningKeys::open(store.clone())
            .unwrap()
            .sign(&claims())
            .unwrap();
        let later = SigningKeys::open(store).unwrap();
        assert!(later.verify(&token).is_ok());
    }

    #[test]
    fn an_altered_token_is_refused() {
        let keys = SigningKeys::open(Store::default()).unwrap();
        let token = keys.sign(&claims()).unwrap();
        let (rest, _) = token.rsplit_once('.').unwrap();
        let forged = format!("{rest}.{}", base64url(&[1; 256]));
        assert_eq!(keys.verify(&forged), Err(SignatureFault::Mismatch));
        assert_eq!(keys.verify("nonsense"), Err(SignatureFault::Malformed));
    }
}
