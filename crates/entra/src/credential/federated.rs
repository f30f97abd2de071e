use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use secrecy::SecretString;
use url::Url;

use super::{ClientCredential, assertion};
use crate::EntraError;

/// What the identity's token must be for (Microsoft Learn, "Configure an
/// application to trust a managed identity").
const SCOPE: &str = "api://AzureADTokenExchange/.default";

/// A managed identity that the app registration trusts by a federated
/// credential: its token is the client assertion, and there is no secret.
pub struct FederatedIdentity {
    identity: Arc<dyn TokenCredential>,
}

impl FederatedIdentity {
    /// A credential that presents tokens of `identity`.
    #[must_use]
    pub fn new(identity: Arc<dyn TokenCredential>) -> Self {
        Self { identity }
    }
}

impl fmt::Debug for FederatedIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FederatedIdentity")
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ClientCredential for FederatedIdentity {
    async fn form_fields(
        &self,
        _token_endpoint: &Url,
    ) -> Result<Vec<(&'static str, SecretString)>, EntraError> {
        let token = self
            .identity
            .get_token(&[SCOPE], None)
            .await
            .map_err(|error| EntraError::CredentialUnavailable(Arc::new(error)))?;
        Ok(assertion(SecretString::from(token.token.secret())))
    }

    fn describe(&self) -> &'static str {
        "federated credential of the managed identity"
    }
}
