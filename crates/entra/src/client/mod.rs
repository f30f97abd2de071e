//! We as Entra's client: sign-in, refresh and On-Behalf-Of.

mod authorize;
mod check_credential;
pub(crate) mod claims_parameter;
mod on_behalf_of;
mod request;
mod sign_in;
mod token_endpoint;

use std::sync::Arc;

pub use check_credential::CredentialStatus;
use check_credential::Standing;
use entrada_ambient::Clock;
pub use request::{
    AuthorizeRequest, CodeRedemption, DownstreamToken, OnBehalfOf, Prompt, SignIn, TokenSet,
};
use uuid::Uuid;

use crate::{
    AccessTokenError, AccessTokenValidator, ClientCredential, Discovery, EntraError, EntraSettings,
    OpenIdConfiguration,
};

/// Our app as a client of Entra: it starts sign-ins, redeems codes and refresh
/// tokens, and gets downstream tokens on behalf of users. Sign-ins go by the
/// configuration that the tenancy asks for, everything later by the user's own
/// tenant, never by `common`.
///
/// Requests that may be repeated are tried at most three times within 8
/// seconds, when Entra could not be connected to or answered 429 or 5xx.
#[derive(Debug)]
pub struct EntraClient {
    settings: Arc<EntraSettings>,
    discovery: Arc<Discovery>,
    validator: Arc<AccessTokenValidator>,
    credential: Arc<dyn ClientCredential>,
    standing: Standing,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
}

impl EntraClient {
    /// A client that authenticates with `credential`.
    #[must_use]
    pub fn new(
        settings: Arc<EntraSettings>,
        discovery: Arc<Discovery>,
        validator: Arc<AccessTokenValidator>,
        credential: Arc<dyn ClientCredential>,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            settings,
            discovery,
            validator,
            credential,
            standing: Standing::default(),
            http,
            clock,
        }
    }

    /// The configuration of `tenant`, if it may come in at all.
    async fn of_tenant(&self, tenant: Uuid) -> Result<Arc<OpenIdConfiguration>, EntraError> {
        if !self.settings.allows_tenant(tenant) {
            return Err(EntraError::AccessToken(
                AccessTokenError::TenantNotAllowed { tenant },
            ));
        }
        self.discovery
            .tenant(tenant)
            .await
            .map_err(EntraError::unavailable)
    }
}
