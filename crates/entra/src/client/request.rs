use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;
use uuid::Uuid;

use crate::{AccessToken, IdToken};

/// One sign-in to be started.
#[derive(Clone, Default)]
pub struct AuthorizeRequest {
    /// Single-use value that comes back with the code.
    pub state: String,
    /// Single-use value that comes back in the id token.
    pub nonce: String,
    /// S256 challenge (see [`crate::pkce`]).
    pub code_challenge: String,
    /// One of our registered redirect URIs, byte for byte.
    pub redirect_uri: String,
    /// What Entra shall ask the user.
    pub prompt: Option<Prompt>,
    /// The account to fill in.
    pub login_hint: Option<String>,
    /// The domain to go to at once.
    pub domain_hint: Option<String>,
    /// A claims challenge (a JSON object) that the sign-in shall meet.
    pub claims: Option<String>,
    /// Scopes to consent to besides our own, which the caller has checked
    /// against its allow-list.
    pub extra_scopes: Vec<String>,
}

/// `prompt` of an authorization request (OIDC Core 1.0 section
/// 3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// Sign in even with a session.
    Login,
    /// Choose an account.
    SelectAccount,
    /// Ask for consent even if given.
    Consent,
}

impl Prompt {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::SelectAccount => "select_account",
            Self::Consent => "consent",
        }
    }
}

/// A code that came back, and what binds it to the browser's flow.
pub struct CodeRedemption {
    /// The authorization code.
    pub code: SecretString,
    /// The PKCE verifier of the challenge that was sent.
    pub code_verifier: SecretString,
    /// The redirect URI of the authorization request.
    pub redirect_uri: String,
    /// The nonce of the authorization request.
    pub nonce: String,
}

/// A downstream token to be had for a user.
pub struct OnBehalfOf {
    /// The user's tenant.
    pub tenant: Uuid,
    /// The user's access token for our app.
    pub assertion: SecretString,
    /// What is asked for, of one resource: `https://ai.azure.com/.default`.
    pub scope: String,
    /// A claims challenge (a JSON object) of the downstream service.
    pub claims: Option<String>,
}

/// The tokens of a sign-in or refresh.
pub struct TokenSet {
    /// The access token for our own app.
    pub access_token: SecretString,
    /// The refresh token; absent when Entra gave none.
    pub refresh_token: Option<SecretString>,
    /// The id token.
    pub id_token: Option<SecretString>,
    /// When the access token expires, seconds since the epoch.
    pub expires_at: i64,
    /// The scope that was granted, as Entra spells it.
    pub scope: String,
}

/// A finished sign-in: both tokens verified and of one subject.
pub struct SignIn {
    /// The tokens.
    pub tokens: TokenSet,
    /// What the access token says.
    pub access: Arc<AccessToken>,
    /// What the id token says.
    pub id: IdToken,
}

/// A token for a downstream service, on behalf of a user.
#[derive(Clone)]
pub struct DownstreamToken {
    /// The token. It is opaque to us.
    pub access_token: SecretString,
    /// When to stop using it, seconds since the epoch: never after the
    /// assertion expires.
    pub expires_at: i64,
    /// The scope that was granted.
    pub scope: String,
}

impl fmt::Debug for AuthorizeRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AuthorizeRequest")
            .field("prompt", &self.prompt)
            .field("extra_scopes", &self.extra_scopes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CodeRedemption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CodeRedemption")
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OnBehalfOf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OnBehalfOf")
            .field("tenant", &self.tenant)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenSet")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SignIn")
            .field("tenant_id", &self.id.tenant_id)
            .field("object_id", &self.id.object_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DownstreamToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DownstreamToken")
            .field("expires_at", &self.expires_at)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
