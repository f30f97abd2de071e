//! The application's client secret in Key Vault, or what takes its place.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use entrada_entra::{ClientCredential, ClientSecret, EntraError};
use entrada_vault::{Vault, VaultError};
use thiserror::Error;
use url::Url;

use secrecy::SecretString;

use super::CLIENT_SECRET;
use crate::error::chain;
use crate::first_load::FirstLoad;

/// Why there is no credential for Entra.
#[derive(Debug, Error)]
enum Lacking {
    #[error("the key vault, which may hold a client secret, has not answered yet")]
    NotLoaded,
    #[error("there is neither a client secret in the key vault nor a managed identity")]
    Nothing,
}

#[derive(Clone)]
enum Held {
    NotLoaded,
    Secret(Arc<ClientSecret>),
    None,
}

/// The client secret of a vault; without one there, another credential.
pub struct VaultClientSecret {
    vault: Arc<Vault>,
    otherwise: Option<Arc<dyn ClientCredential>>,
    held: RwLock<Held>,
    /// The first look into the vault.
    first: FirstLoad,
}

impl fmt::Debug for VaultClientSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("VaultClientSecret")
            .field("vault", &self.vault)
            .finish_non_exhaustive()
    }
}

impl VaultClientSecret {
    /// The secret in `vault`, or `otherwise` where there is none.
    #[must_use]
    pub fn new(vault: Arc<Vault>, otherwise: Option<Arc<dyn ClientCredential>>) -> Self {
        Self {
            vault,
            otherwise,
            held: RwLock::new(Held::NotLoaded),
            first: FirstLoad::default(),
        }
    }

    fn held(&self) -> Held {
        self.held
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Looks into the vault. What is held stays when that fails.
    ///
    /// # Errors
    /// When the vault does not answer, or refuses.
    pub async fn refresh(&self) -> Result<(), VaultError> {
        let looked = self.look().await;
        self.first.settle();
        looked
    }

    async fn look(&self) -> Result<(), VaultError> {
        let secret = self.vault.read(CLIENT_SECRET).await.inspect_err(|error| {
            tracing::warn!(
                error = chain(error),
                "the client secret could not be looked for in the key vault"
            );
        })?;
        let before = self.describe();
        let held = secret.map_or(Held::None, |secret| {
            Held::Secret(Arc::new(ClientSecret::new(secret)))
        });
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
        let now = self.describe();
        if before != now {
            tracing::info!(credential = now, "the credential for Microsoft Entra ID");
        }
        Ok(())
    }
}

#[async_trait]
impl ClientCredential for VaultClientSecret {
    async fn form_fields(
        &self,
        token_endpoint: &Url,
    ) -> Result<Vec<(&'static str, SecretString)>, EntraError> {
        if matches!(self.held(), Held::NotLoaded) {
            self.first.settled().await;
        }
        let lacking = |lacking| EntraError::CredentialUnavailable(Arc::new(lacking));
        match (self.held(), &self.otherwise) {
            (Held::Secret(secret), _) => secret.form_fields(token_endpoint).await,
            (Held::None, Some(otherwise)) => otherwise.form_fields(token_endpoint).await,
            (Held::None, None) => Err(lacking(Lacking::Nothing)),
            (Held::NotLoaded, _) => Err(lacking(Lacking::NotLoaded)),
        }
    }

    fn describe(&self) -> &'static str {
        match (self.held(), &self.otherwise) {
            (Held::Secret(_), _) => "client secret of the key vault",
            (Held::None, Some(otherwise)) => otherwise.describe(),
            (Held::None, None) => "none",
            (Held::NotLoaded, _) => "not known yet",
        }
    }
}
