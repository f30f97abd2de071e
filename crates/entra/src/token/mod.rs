//! Access tokens of Entra: what they say and why one is refused.

pub(crate) mod claims;
mod compact;
mod error;
mod examination;
mod fault;
mod fingerprint;
mod validator;
pub(crate) mod verifier;

pub use error::AccessTokenError;
pub use examination::{Check, Examination, Outcome, UnverifiedClaims};
pub(crate) use fault::Fault;
pub use fingerprint::Fingerprint;
use uuid::Uuid;
pub use validator::AccessTokenValidator;

/// What a verified Entra access token for our app says. Made only by
/// [`crate::AccessTokenValidator`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// `tid`: the tenant of the subject.
    pub tenant_id: Uuid,
    /// `oid`: the subject in that tenant.
    pub object_id: Uuid,
    /// A person or an application.
    pub subject_kind: SubjectKind,
    /// `azp` (version 2) or `appid` (version 1): the client that got the
    /// token.
    pub client_id: Option<Uuid>,
    /// `roles`: app roles of our app, in the token's order.
    pub roles: Vec<String>,
    /// `scp`: delegated permissions of our app; empty for applications.
    pub scopes: Vec<String>,
    /// `name`, for display.
    pub name: Option<String>,
    /// `email`, else `preferred_username`, `upn` or `unique_name`. For display
    /// only: users and tenants can change it.
    pub email: Option<String>,
    /// The format of the token.
    pub version: TokenVersion,
    /// `iat`, seconds since the epoch.
    pub issued_at: i64,
    /// `exp`, seconds since the epoch.
    pub expires_at: i64,
    /// `kid` of the key that signed it.
    pub key_id: String,
}

/// Whom an access token speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    /// A person, through a client (`scp`).
    User,
    /// An application itself (`idtyp` is `app`).
    Application,
}

/// The format of an access token, chosen by `requestedAccessTokenVersion` in
/// the app's manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenVersion {
    /// `ver` 1.0, issuer `https://sts.windows.net/{tid}/`.
    V1,
    /// `ver` 2.0, issuer by the authority's OIDC configuration.
    V2,
}
