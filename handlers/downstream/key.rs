//! What a downstream token is remembered by.

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret;

use crate::identity::{Principal, TokenSource};

/// SHA-256 of everything that a token depends on: the person, the sign-in
/// (grant, or the very assertion), the tenant, the scope and the claims that
/// were met. A stronger session's token is therefore never found for a
/// weaker one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CacheKey([u8; 32]);

impl CacheKey {
    pub(super) fn new(caller: &Principal, scope: &str, claims: Option<&str>) -> Self {
        let session = match caller.source() {
            TokenSource::Own { grant_id } => format!("grant {grant_id}"),
            TokenSource::Entra { assertion } => {
                let hash = digest(&SHA256, assertion.expose_secret().as_bytes());
                format!("assertion {}", URL_SAFE_NO_PAD.encode(hash))
            }
        };
        let claims = claims.map_or_else(|| "none".to_owned(), |claims| format!("some {claims}"));
        let mut context = Context::new(&SHA256);
        for part in [
            caller.partition().as_str(),
            &session,
            &caller.tenant_id().to_string(),
            scope,
            &claims,
        ] {
            // The length in front keeps the parts from running into each
            // other.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        Self(key)
    }

    /// The key of the row in the person's partition.
    pub(super) fn row(&self) -> String {
        format!("obo-{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}
