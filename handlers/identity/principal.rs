//! The principal: the only thing that authorisation accepts.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_entra::{AccessToken, SubjectKind};
use secrecy::SecretString;
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

use super::OwnToken;
use crate::policy::Policy;

/// The partition of storage that belongs to one person: SHA-256 of tenant
/// and object id, base64url (43 characters).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UserPartition(String);

impl UserPartition {
    /// The partition of a person.
    #[must_use]
    pub fn of(tenant_id: Uuid, object_id: Uuid) -> Self {
        let mut bytes = [0; 32];
        let (tenant, object) = bytes.split_at_mut(16);
        tenant.copy_from_slice(tenant_id.as_bytes());
        object.copy_from_slice(object_id.as_bytes());
        Self(URL_SAFE_NO_PAD.encode(digest(&SHA256, &bytes)))
    }

    /// Takes the text of a partition out of a code or token; `None` when it
    /// cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The partition key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for UserPartition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.get(..8).unwrap_or_default())
    }
}

/// Which token a principal was made from.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// One of ours: Entra's token lies in the grant.
    Own {
        /// The grant.
        grant_id: Uuid,
    },
    /// Entra's own token, which is the assertion of On-Behalf-Of calls.
    Entra {
        /// The token.
        assertion: SecretString,
    },
}

/// A caller whose token was verified. It is made in
/// [`super::Authenticator`] alone.
#[derive(Debug, Clone)]
pub struct Principal {
    token: Verified,
    roles: Vec<String>,
    home: bool,
    source: TokenSource,
}

#[derive(Debug, Clone)]
enum Verified {
    Own(Arc<OwnToken>),
    Entra(Arc<AccessToken>),
}

impl Principal {
    pub(super) fn from_own(token: Arc<OwnToken>, policy: &Policy) -> Self {
        let source = TokenSource::Own {
            grant_id: token.grant_id,
        };
        Self {
            roles: policy.effective_roles(token.tenant_id, &token.roles),
            home: policy.is_home(token.tenant_id),
            token: Verified::Own(token),
            source,
        }
    }

    pub(super) fn from_entra(
        token: Arc<AccessToken>,
        assertion: SecretString,
        policy: &Policy,
    ) -> Self {
        Self {
            roles: policy.effective_roles(token.tenant_id, &token.roles),
            home: policy.is_home(token.tenant_id),
            token: Verified::Entra(token),
            source: TokenSource::Entra { assertion },
        }
    }

    /// The tenant.
    #[must_use]
    pub fn tenant_id(&self) -> Uuid {
        match &self.token {
            Verified::Own(token) => token.tenant_id,
            Verified::Entra(token) => token.tenant_id,
        }
    }

    /// The object id of the person or of the application's service
    /// principal.
    #[must_use]
    pub fn object_id(&self) -> Uuid {
        match &self.token {
            Verified::Own(token) => token.object_id,
            Verified::Entra(token) => token.object_id,
        }
    }

    /// The name, for display.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.token {
            Verified::Own(token) => token.name.as_deref(),
            Verified::Entra(token) => token.name.as_deref(),
        }
    }

    /// The e-mail address, for display only.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        match &self.token {
            Verified::Own(token) => token.email.as_deref(),
            Verified::Entra(token) => token.email.as_deref(),
        }
    }

    /// The roles that count: those of the token that policy lets the tenant
    /// have.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// The token's scopes.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        match &self.token {
            Verified::Own(token) => &token.scopes,
            Verified::Entra(token) => &token.scopes,
        }
    }

    /// A person or an application.
    #[must_use]
    pub fn kind(&self) -> SubjectKind {
        match &self.token {
            Verified::Own(token) => token.kind,
            Verified::Entra(token) => token.subject_kind,
        }
    }

    /// The client that the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> Option<String> {
        match &self.token {
            Verified::Own(token) => Some(token.client_id.clone()),
            Verified::Entra(token) => token.client_id.map(|id| id.to_string()),
        }
    }

    /// Whether the caller belongs to the home tenant.
    #[must_use]
    pub fn is_home(&self) -> bool {
        self.home
    }

    /// When the person signed in, as far as the token tells, epoch seconds: an
    /// own token however often it was refreshed, a token of Entra's when it
    /// was issued.
    #[must_use]
    pub fn signed_in_at(&self) -> i64 {
        match &self.token {
            Verified::Own(token) => token.signed_in_at,
            Verified::Entra(token) => token.issued_at,
        }
    }

    /// When the token expires, epoch seconds.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        match &self.token {
            Verified::Own(token) => token.expires_at,
            Verified::Entra(token) => token.expires_at,
        }
    }

    /// The token that the principal was made from.
    #[must_use]
    pub fn source(&self) -> &TokenSource {
        &self.source
    }

    /// The grant, if the token is one of ours.
    #[must_use]
    pub fn grant_id(&self) -> Option<Uuid> {
        match self.source {
            TokenSource::Own { grant_id } => Some(grant_id),
            TokenSource::Entra { .. } => None,
        }
    }

    /// The caller's partition of storage.
    #[must_use]
    pub fn partition(&self) -> UserPartition {
        UserPartition::of(self.tenant_id(), self.object_id())
    }
}
