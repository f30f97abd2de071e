mod certificate;
mod federated;

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;
use url::Url;

pub use certificate::{CertificateError, ClientCertificate};
pub use federated::FederatedIdentity;

use crate::EntraError;

/// `client_assertion_type` of every assertion here (RFC 7523 section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The form fields of a client assertion (RFC 7521 section 4.2).
fn assertion(jwt: SecretString) -> Vec<(&'static str, SecretString)> {
    vec![
        ("client_assertion_type", JWT_BEARER.into()),
        ("client_assertion", jwt),
    ]
}

/// How we prove to Entra's token endpoint that we are our app: a client
/// secret, a certificate, or a managed identity's federated credential.
#[async_trait]
pub trait ClientCredential: fmt::Debug + Send + Sync {
    /// The form fields that authenticate one request to `token_endpoint`, for
    /// instance `client_secret`, or `client_assertion_type` and
    /// `client_assertion` (RFC 7521 section 4.2).
    ///
    /// # Errors
    /// When the credential cannot be had now: the vault or the identity
    /// endpoint does not answer.
    async fn form_fields(
        &self,
        token_endpoint: &Url,
    ) -> Result<Vec<(&'static str, SecretString)>, EntraError>;

    /// What kind of credential this is, for health and logs.
    fn describe(&self) -> &'static str;
}

/// A client secret, sent as `client_secret` in the body (RFC 6749 section
/// 2.3.1).
pub struct ClientSecret(SecretString);

impl ClientSecret {
    /// A credential that sends `secret`.
    #[must_use]
    pub fn new(secret: SecretString) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientSecret")
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ClientCredential for ClientSecret {
    async fn form_fields(
        &self,
        _token_endpoint: &Url,
    ) -> Result<Vec<(&'static str, SecretString)>, EntraError> {
        Ok(vec![("client_secret", self.0.clone())])
    }

    fn describe(&self) -> &'static str {
        "client secret"
    }
}
