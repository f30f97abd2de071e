//! The keys that a server publishes, for checking its tokens from outside.

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::config::BaseUrl;

/// How long the server may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// The document at `/.well-known/jwks.json` (RFC 7517 section 5).
#[derive(Debug, Deserialize)]
pub struct PublishedKeys {
    keys: Vec<PublishedKey>,
}

/// An EC key on P-256 (RFC 7518 section 6.2.1).
#[derive(Debug, Deserialize)]
struct PublishedKey {
    kid: String,
    x: String,
    y: String,
}

impl PublishedKeys {
    /// Asks the server at `base` for its keys; `None` when they cannot be had.
    pub async fn fetch(base: &BaseUrl, http: &reqwest::Client) -> Option<Self> {
        let url = base.join("/.well-known/jwks.json");
        let answer = http.get(url).timeout(LIMIT).send().await.ok()?;
        answer.error_for_status().ok()?.json().await.ok()
    }

    /// Whether `signature` is that of `message` by the key `kid`; `None` when
    /// it is not published.
    #[must_use]
    pub fn verify(&self, kid: &str, message: &[u8], signature: &[u8]) -> Option<bool> {
        let key = self.keys.iter().find(|key| key.kid == kid)?;
        // An uncompressed point (SEC 1 section 2.3.3).
        let mut point = vec![4];
        for coordinate in [&key.x, &key.y] {
            point.extend(URL_SAFE_NO_PAD.decode(coordinate).ok()?);
        }
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        Some(public.verify(message, signature).is_ok())
    }
}
