//! Entra's signing keys (RFC 7517), with Microsoft's member `issuer`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::Clock;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use uuid::Uuid;

use crate::Discovery;
use crate::discovery::expand;
use crate::fetch::{FetchError, get_document};
use crate::kept::{Freshness, Kept, Policy, Source};

/// Seconds for which a key serves after the last good answer that held it.
const TRUSTED: i64 = 24 * 60 * 60;
/// Keys are fetched hourly.
const POLICY: Policy = Policy {
    fresh: 60 * 60,
    keep: Some(TRUSTED),
};
/// Seconds between two fetches for keys that are not known.
const UNKNOWN_KEY_PAUSE: i64 = 30;
/// Keys that are read from one answer. Entra publishes about ten.
const KEYS_LIMIT: usize = 100;
/// Smallest RSA modulus, in bytes.
const MODULUS_BYTES: usize = 256;

/// One of Entra's signing keys.
pub(crate) struct SigningKey {
    id: String,
    modulus: String,
    exponent: String,
    issuer: Option<String>,
    key: DecodingKey,
    /// Until when the key, and what it signed, is trusted; in the past once a
    /// good answer came without it.
    trusted_until: AtomicI64,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether `signature` (base64url) over `message` is of this key, by
    /// RS256.
    pub(crate) fn verifies(&self, message: &str, signature: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, Algorithm::RS256)
            .unwrap_or(false)
    }

    /// Whether this key signs for `tenant`, whose issuers are `issuers`. A key
    /// without `issuer` signs for every tenant, as in Microsoft's own
    /// validation library (Microsoft identity platform, "Access tokens",
    /// section on validating the signing key's issuer).
    pub(crate) fn signs_for(&self, tenant: Uuid, issuers: &[&str]) -> bool {
        self.issuer.as_ref().is_none_or(|template| {
            let issuer = expand(template, tenant);
            issuers.contains(&issuer.as_str())
        })
    }

    pub(crate) fn trusted_at(&self, now: i64) -> bool {
        now < self.trusted_until.load(Ordering::Relaxed)
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.modulus, &self.exponent, &self.issuer)
            == (&other.modulus, &other.exponent, &other.issuer)
    }
}

/// Why there is no key.
#[derive(Debug)]
pub(crate) enum NoKey {
    Unknown,
    Unavailable(FetchError),
}

/// How fresh Entra's signing keys are, for health.
#[derive(Debug, Clone)]
pub struct KeysStatus {
    /// Signing keys in hand.
    pub keys: usize,
    /// Time since they were last fetched; `None`: never.
    pub age: Option<Duration>,
    /// What the last fetch failed with; `None` after a good one.
    pub last_error: Option<FetchError>,
}

/// The signing keys in force: fetched when first needed and hourly in the
/// background of use. Nobody waits for the hourly fetch.
#[derive(Debug)]
pub(crate) struct Keys {
    kept: Kept<KeySource>,
    clock: Arc<dyn Clock>,
    asked_for_unknown_at: AtomicI64,
}

impl Keys {
    pub(crate) fn new(
        discovery: Arc<Discovery>,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            kept: Kept::new(KeySource { discovery, http }, POLICY, Arc::clone(&clock)),
            clock,
            asked_for_unknown_at: AtomicI64::new(i64::MIN),
        }
    }

    /// Starts the hourly fetch if it is due. Costs one atomic load if not.
    pub(crate) fn touch(&self) {
        self.kept.touch();
    }

    /// The key `id`, if it is in hand or no key at all is, and then Entra is
    /// asked.
    pub(crate) async fn known(&self, id: &str) -> Result<Arc<SigningKey>, NoKey> {
        let set = self.kept.get().await.map_err(NoKey::Unavailable)?;
        set.get(id).cloned().ok_or(NoKey::Unknown)
    }

    /// The key `id`, which was not in hand: Entra is asked, at most once in 30
    /// seconds. Whoever comes while it is asked waits for that answer; whoever
    /// comes after it within the 30 seconds is told that the key is unknown.
    pub(crate) async fn ask_for(&self, id: &str) -> Result<Arc<SigningKey>, NoKey> {
        let now = self.clock.unix();
        let answer = self.kept.refetch(|| {
            let last = self.asked_for_unknown_at.load(Ordering::Relaxed);
            let may = now.checked_sub(last).is_none_or(|s| s >= UNKNOWN_KEY_PAUSE);
            if may {
                self.asked_for_unknown_at.store(now, Ordering::Relaxed);
            }
            may
        });
        let set = answer
            .ok_or(NoKey::Unknown)?
            .await
            .map_err(NoKey::Unavailable)?;
        set.get(id).cloned().ok_or(NoKey::Unknown)
    }

    pub(crate) fn status(&self) -> KeysStatus {
        let Freshness {
            document,
            age,
            failure,
        } = self.kept.freshness();
        let age = Duration::from_secs(u64::try_from(age).unwrap_or(0));
        KeysStatus {
            keys: document.as_ref().map_or(0, |set| set.len()),
            age: document.map(|_| age),
            last_error: failure,
        }
    }
}

type KeySet = HashMap<String, Arc<SigningKey>>;

#[derive(Debug)]
struct KeySource {
    discovery: Arc<Discovery>,
    http: reqwest::Client,
}

/// A key set with its keys still unread, so that one of a type unknown to us
/// does not spoil the others.
#[derive(Deserialize)]
struct KeyDocument {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct RsaKey {
    kty: String,
    kid: String,
    n: String,
    e: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    issuer: Option<String>,
}

#[async_trait]
impl Source for KeySource {
    type Document = KeySet;

    fn name(&self) -> &'static str {
        "signing keys"
    }

    async fn fetch(&self) -> Result<KeySet, FetchError> {
        let configuration = self.discovery.sign_in().await?;
        let document: KeyDocument = get_document(&self.http, &configuration.jwks_uri).await?;
        let mut set = KeySet::new();
        for value in document.keys.into_iter().take(KEYS_LIMIT) {
            if let Some(key) = signing_key(value)
                && let Entry::Vacant(entry) = set.entry(key.id.clone())
            {
                entry.insert(Arc::new(key));
            }
        }
        if set.is_empty() {
            // No authority works without keys: this is a fault of the answer,
            // and no reason to drop every key that we have.
            return Err(FetchError::Unusable {
                reason: "the key set has no usable key",
            });
        }
        Ok(set)
    }

    /// A key that stays is the same object as before, so that tokens in the
    /// cache stay with it; one that is missing, or whose id has come to mean
    /// another key, loses its trust and so do the tokens that it signed.
    fn adopt(&self, previous: Option<&KeySet>, fetched: KeySet, asked_at: i64) -> KeySet {
        let empty = KeySet::new();
        let previous = previous.unwrap_or(&empty);
        let set: KeySet = fetched
            .into_iter()
            .map(|(id, key)| match previous.get(&id) {
                Some(old) if old.is_same(&key) => (id, Arc::clone(old)),
                _ => (id, key),
            })
            .collect();
        for (id, old) in previous {
            if !set.get(id).is_some_and(|key| Arc::ptr_eq(key, old)) {
                old.trusted_until.store(i64::MIN, Ordering::Relaxed);
            }
        }
        for key in set.values() {
            key.trusted_until
                .store(asked_at.saturating_add(TRUSTED), Ordering::Relaxed);
        }
        set
    }
}

/// Reads one key; `None` for one that is not an RSA key for signing by RS256.
fn signing_key(value: serde_json::Value) -> Option<SigningKey> {
    let read: RsaKey = serde_json::from_value(value).ok()?;
    let for_us = read.kty == "RSA"
        && read.usage.is_none_or(|usage| usage == "sig")
        && read.alg.is_none_or(|algorithm| algorithm == "RS256")
        && !read.kid.is_empty();
    let modulus = URL_SAFE_NO_PAD.decode(&read.n).ok()?;
    let exponent = URL_SAFE_NO_PAD.decode(&read.e).ok()?;
    (for_us && modulus.len() >= MODULUS_BYTES).then(|| SigningKey {
        key: DecodingKey::from_rsa_raw_components(&modulus, &exponent),
        id: read.kid,
        modulus: read.n,
        exponent: read.e,
        issuer: read.issuer,
        trusted_until: AtomicI64::new(i64::MIN),
    })
}
