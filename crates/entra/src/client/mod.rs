//! We as Entra's client: sign-in, refresh and On-Behalf-Of.

mod request;

use std::sync::Arc;

use entrada_ambient::Clock;
pub use request::{
    AuthorizeRequest, CodeRedemption, DownstreamToken, OnBehalfOf, Prompt, SignIn, TokenSet,
};
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::{
    AccessToken, AccessTokenValidator, ClientCredential, Discovery, EntraError, EntraSettings,
};

/// Our app as a client of Entra.
#[derive(Debug)]
pub struct EntraClient {
    settings: Arc<EntraSettings>,
    discovery: Arc<Discovery>,
    validator: Arc<AccessTokenValidator>,
    credential: Arc<dyn ClientCredential>,
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
            http,
            clock,
        }
    }

    /// Where to send the browser.
    ///
    /// # Errors
    /// When the authority's configuration cannot be had, or the request is
    /// malformed.
    pub async fn authorize_url(&self, _request: &AuthorizeRequest) -> Result<Url, EntraError> {
        Err(EntraError::Protocol {
            reason: "being written",
        })
    }

    /// Redeems a code and verifies both tokens.
    ///
    /// # Errors
    /// See [`EntraError`].
    pub async fn redeem_code(&self, _request: &CodeRedemption) -> Result<SignIn, EntraError> {
        Err(EntraError::Protocol {
            reason: "being written",
        })
    }

    /// Redeems a refresh token at the user's tenant.
    ///
    /// # Errors
    /// See [`EntraError`].
    pub async fn refresh(
        &self,
        _tenant: Uuid,
        _refresh_token: &SecretString,
        _claims: Option<&str>,
    ) -> Result<(TokenSet, Arc<AccessToken>), EntraError> {
        Err(EntraError::Protocol {
            reason: "being written",
        })
    }

    /// Exchanges a user's access token for one of a downstream service.
    ///
    /// # Errors
    /// See [`EntraError`].
    pub async fn on_behalf_of(&self, _request: &OnBehalfOf) -> Result<DownstreamToken, EntraError> {
        Err(EntraError::Protocol {
            reason: "being written",
        })
    }
}
