use uuid::Uuid;

use super::Fault;
use crate::FetchError;

/// Why an access token was refused. Each check has a reason of its own.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AccessTokenError {
    /// Not a signed JWT in compact form, longer than 16 KiB, a claim twice, or
    /// a claim of the wrong type.
    #[error("the token is malformed")]
    Malformed,
    /// The header has `crit` (RFC 7515 section 4.1.11).
    #[error("the token's header has critical extensions")]
    CriticalHeader,
    /// `alg` is not RS256.
    #[error("the token is not signed with RS256")]
    UnsupportedAlgorithm,
    /// Entra publishes no key with this `kid`, or not for this tenant.
    #[error("the token's signing key is unknown")]
    UnknownKey,
    /// The signature is not of the key that the token names.
    #[error("the token's signature is wrong")]
    Signature,
    /// `iss` is not the issuer of `tid`.
    #[error("the token's issuer is wrong")]
    Issuer,
    /// `aud` is not our app.
    #[error("the token's audience is wrong")]
    Audience,
    /// `tid` is no tenant that may come in.
    #[error("the token's tenant {tenant} is not allowed")]
    TenantNotAllowed {
        /// The tenant of the token.
        tenant: Uuid,
    },
    /// `exp` has come.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies more than a minute ahead.
    #[error("the token is not yet valid")]
    NotYetValid,
    /// A claim without which nothing can be decided is absent.
    #[error("the token has no claim {0}")]
    MissingClaim(&'static str),
    /// An id token, or an application's token that does not say so: neither
    /// `scp` nor `idtyp` `app`.
    #[error("the token is not an access token")]
    NotAnAccessToken,
    /// A user's token without the permission that we ask for.
    #[error("the token lacks the scope {required}")]
    MissingScope {
        /// The permission that is missing.
        required: String,
    },
    /// An application's token, and those are not accepted.
    #[error("tokens of applications are not accepted")]
    ApplicationTokensRefused,
    /// The client is not on the list.
    #[error("the client that got the token is not allowed")]
    ClientNotAllowed,
    /// An application's token without any app role.
    #[error("the application has no app role")]
    MissingRoles,
    /// The token could not be checked since Entra's keys cannot be had: our
    /// trouble (503), not the caller's (401).
    #[error("Microsoft Entra ID's signing keys are unavailable")]
    KeysUnavailable(#[source] FetchError),
}

impl AccessTokenError {
    /// Says which check failed and what to do, for `error_description` of
    /// `WWW-Authenticate` (RFC 6750 section 3): printable ASCII without quotes
    /// and backslashes, nothing from the token but a tenant id.
    #[must_use]
    pub fn description(&self) -> String {
        let (fault, remedy) = match self {
            Self::Malformed => ("", "Send the access token as Entra issued it, unchanged"),
            Self::CriticalHeader | Self::UnsupportedAlgorithm | Self::Signature => {
                ("", "Send an access token that Entra issued for this app")
            }
            Self::UnknownKey => (
                "",
                "Get a new token; if Entra just rolled its keys over, try again in 30 seconds",
            ),
            Self::Issuer => (
                " (iss is not the issuer of tid at this server's authority)",
                "Get a token from the Entra tenant that this server names in its metadata",
            ),
            Self::Audience => (
                " (aud is not this app)",
                "Ask Entra for a token with this app's scope, not for Microsoft Graph or another app",
            ),
            Self::TenantNotAllowed { .. } => (
                "",
                "Sign in with an account of an allowed tenant, or ask the administrator to allow this one",
            ),
            Self::Expired => ("", "Refresh it or sign in again"),
            Self::NotYetValid => ("", "Check the clock of the machine that sends it"),
            Self::MissingClaim(_) => ("", "Get an access token from Entra for this app"),
            Self::NotAnAccessToken => (
                " (neither scp nor idtyp=app; an id token looks like this)",
                "Send the access_token of the token response, not the id_token",
            ),
            Self::MissingScope { .. } => ("", "Ask Entra for this scope and consent to it"),
            Self::ApplicationTokensRefused => (
                "",
                "Sign in as a user, or ask the administrator to accept tokens of applications",
            ),
            Self::ClientNotAllowed => (
                "",
                "Use an allowed client, or ask the administrator to allow this one",
            ),
            Self::MissingRoles => (
                "",
                "Ask an administrator to assign an app role to the application",
            ),
            Self::KeysUnavailable(_) => ("", "Try again later"),
        };
        format!("{self}{fault}. {remedy}.")
    }

    /// Whether this is our trouble rather than the token's.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::KeysUnavailable(_))
    }
}

impl From<Fault> for AccessTokenError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed => Self::Malformed,
            Fault::CriticalHeader => Self::CriticalHeader,
            Fault::UnsupportedAlgorithm => Self::UnsupportedAlgorithm,
            Fault::UnknownKey => Self::UnknownKey,
            Fault::Signature => Self::Signature,
            Fault::Issuer => Self::Issuer,
            Fault::Audience => Self::Audience,
            Fault::TenantNotAllowed(tenant) => Self::TenantNotAllowed { tenant },
            Fault::Expired => Self::Expired,
            Fault::NotYetValid => Self::NotYetValid,
            Fault::MissingClaim(name) => Self::MissingClaim(name),
            Fault::KeysUnavailable(error) => Self::KeysUnavailable(error),
        }
    }
}
