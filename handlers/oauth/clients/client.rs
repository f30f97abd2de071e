//! A client as the rest of the authorization server sees it.

use std::collections::BTreeSet;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::keys::PublicKeys;
use super::redirect::{self, MatchedRedirect, RedirectRefusal};
use crate::text::hash;

/// How a client came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientOrigin {
    /// By the setting `ENTRADA_CLIENTS`: an administrator vouches for it.
    Configured,
    /// By Dynamic Client Registration (RFC 7591): nobody vouches for it.
    Registered,
    /// By a client ID metadata document: whoever controls the URL that is
    /// its id vouches for it
    /// (draft-ietf-oauth-client-id-metadata-document).
    MetadataDocument,
}

/// How a client proves to the token endpoint that it is itself.
#[derive(Debug, Clone)]
pub enum ClientAuthentication {
    /// Not at all: a public client, which PKCE protects.
    None,
    /// By a shared secret, in the body or in the `Authorization` header
    /// (`client_secret_post`, `client_secret_basic`; RFC 6749 section 2.3.1).
    Secret {
        /// SHA-256 of the secret, base64url without padding.
        sha256: String,
    },
    /// By a signed assertion (`private_key_jwt`; RFC 7523 section 2.2).
    PrivateKeyJwt {
        /// The keys that it may be signed with.
        keys: PublicKeys,
    },
}

impl ClientAuthentication {
    /// Whether `presented` is the client's secret, in constant time. False
    /// for a client that has none.
    #[must_use]
    pub fn accepts_secret(&self, presented: &SecretString) -> bool {
        let Self::Secret { sha256 } = self else {
            return false;
        };
        let presented = hash(presented.expose_secret());
        verify_slices_are_equal(presented.as_bytes(), sha256.as_bytes()).is_ok()
    }
}

/// What a client may ask the token endpoint for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GrantType {
    /// `authorization_code` (RFC 6749 section 4.1).
    AuthorizationCode,
    /// `refresh_token` (RFC 6749 section 6).
    RefreshToken,
    /// `client_credentials` (RFC 6749 section 4.4): daemons.
    ClientCredentials,
}

impl GrantType {
    /// Every grant type that the server knows.
    pub const ALL: [Self; 3] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
    ];

    /// The registered name (RFC 7591 section 2).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }

    /// The grant type of a registered name; `None` for one that the server
    /// does not know.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// On whose behalf a daemon acts, as its administrator configured it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonTerms {
    /// The tenant whose data it works on.
    pub tenant_id: Uuid,
    /// The app roles that its tokens carry.
    pub roles: Vec<String>,
}

/// A client of the authorization server.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its `client_id`.
    pub id: String,
    /// Its name, for display: at most 100 characters, none of which controls
    /// how others are shown. Only a configured client's is vouched for.
    pub name: Option<String>,
    /// Its home page, for display: an http or https URL.
    pub uri: Option<String>,
    /// How it came to be known.
    pub origin: ClientOrigin,
    /// Where it may be answered, as it registered them.
    pub redirect_uris: Vec<String>,
    /// How it authenticates.
    pub authentication: ClientAuthentication,
    /// What it may ask the token endpoint for.
    pub grant_types: BTreeSet<GrantType>,
    /// The scopes that it registered, separated by spaces. What a sign-in
    /// grants is decided when it is asked for.
    pub scope: Option<String>,
    /// Terms of a daemon; none for clients that people sign in with.
    pub daemon: Option<DaemonTerms>,
}

impl Client {
    /// Matches the `redirect_uri` of an authorization request with those
    /// that are registered: exactly, byte by byte (RFC 9700 section 2.1),
    /// but for the port of `http` on the loopback interface (RFC 8252
    /// section 7.3).
    ///
    /// # Errors
    /// With the reason, when none matches. Such a request must not be
    /// answered by a redirect.
    pub fn redirect_uri(&self, asked: &str) -> Result<MatchedRedirect, RedirectRefusal> {
        redirect::find_match(&self.redirect_uris, asked)
    }

    /// Whether a person must be asked before this client gets anything.
    #[must_use]
    pub fn needs_consent(&self) -> bool {
        self.origin != ClientOrigin::Configured
    }
}
