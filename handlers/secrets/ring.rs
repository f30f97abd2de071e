//! The key ring in Key Vault.

use std::sync::Arc;

use async_trait::async_trait;
use entrada_vault::{Vault, VaultError};

use super::KEY_RING;
use crate::error::chain;
use crate::identity::{KeyRing, KeysMissing, RingSource};

/// The key ring of a vault.
#[derive(Debug)]
pub struct VaultRing {
    vault: Arc<Vault>,
}

impl VaultRing {
    /// The ring in `vault`.
    #[must_use]
    pub fn new(vault: Arc<Vault>) -> Self {
        Self { vault }
    }
}

#[async_trait]
impl RingSource for VaultRing {
    async fn load(&self) -> Result<KeyRing, KeysMissing> {
        let json = self
            .vault
            .read(KEY_RING)
            .await
            .map_err(|error| {
                let missing = reason(&error);
                tracing::warn!(
                    code = missing.code(),
                    error = chain(&error),
                    "the key ring could not be loaded from the key vault"
                );
                missing
            })?
            .ok_or_else(|| {
                tracing::warn!(
                    vault = %self.vault.url(),
                    "the key vault holds no secret `{KEY_RING}`: make it with `entrada keys init`"
                );
                KeysMissing::NotInVault
            })?;
        KeyRing::parse(&json).map_err(|error| {
            tracing::error!(
                error = chain(&error),
                "the key ring in the key vault is no good"
            );
            KeysMissing::Unusable
        })
    }
}

fn reason(error: &VaultError) -> KeysMissing {
    match error {
        VaultError::NoToken(_) => KeysMissing::NoToken,
        VaultError::TokenRefused { .. } => KeysMissing::TokenRefused,
        VaultError::Forbidden { .. } => KeysMissing::VaultForbidden,
        VaultError::Blocked { .. } => KeysMissing::VaultBlocked,
        VaultError::Disabled => KeysMissing::Disabled,
        VaultError::NoValue => KeysMissing::Unusable,
        _ => KeysMissing::VaultUnreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vault_that_refuses_says_why() {
        let code = String::new;
        for (error, missing) in [
            (
                VaultError::TokenRefused { code: code() },
                KeysMissing::TokenRefused,
            ),
            (
                VaultError::Forbidden { code: code() },
                KeysMissing::VaultForbidden,
            ),
            (
                VaultError::Blocked { code: code() },
                KeysMissing::VaultBlocked,
            ),
            (VaultError::Disabled, KeysMissing::Disabled),
        ] {
            assert_eq!(reason(&error), missing);
        }
    }
}
