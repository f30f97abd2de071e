use uuid::Uuid;

use crate::FetchError;
use crate::TokenVersion;
use crate::token::Fault;
use crate::token::verifier::{Verified, Verifier};

/// What a verified id token of a sign-in says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdToken {
    /// `tid`.
    pub tenant_id: Uuid,
    /// `oid`.
    pub object_id: Uuid,
    /// `sub`: pairwise for our app.
    pub subject: String,
    /// `name`, for display.
    pub name: Option<String>,
    /// `email`, for display only.
    pub email: Option<String>,
    /// `preferred_username`, for display only.
    pub preferred_username: Option<String>,
    /// `iat`, seconds since the epoch.
    pub issued_at: i64,
    /// `exp`, seconds since the epoch.
    pub expires_at: i64,
}

/// Why an id token was refused (OIDC Core 1.0 section 3.1.3.7).
#[derive(Debug, Clone, thiserror::Error)]
pub enum IdTokenError {
    /// The answer has no id token.
    #[error("the answer has no id token")]
    Absent,
    /// Not a signed JWT, too long, a claim twice or of the wrong type.
    #[error("the id token is malformed")]
    Malformed,
    /// The header has `crit`.
    #[error("the id token's header has critical extensions")]
    CriticalHeader,
    /// `alg` is not RS256.
    #[error("the id token is not signed with RS256")]
    UnsupportedAlgorithm,
    /// Entra publishes no key with this `kid`, or not for this tenant.
    #[error("the id token's signing key is unknown")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the id token's signature is wrong")]
    Signature,
    /// `iss` is not the issuer of `tid`, or `ver` is not 2.0.
    #[error("the id token's issuer is wrong")]
    Issuer,
    /// `aud` is not our client id alone.
    #[error("the id token's audience is wrong")]
    Audience,
    /// `azp` is there and is not our client id.
    #[error("the id token's authorized party is wrong")]
    AuthorizedParty,
    /// `tid` is no tenant that may come in.
    #[error("the id token's tenant {tenant} is not allowed")]
    TenantNotAllowed {
        /// The tenant of the token.
        tenant: Uuid,
    },
    /// `nonce` is not the one of this sign-in.
    #[error("the id token's nonce is wrong")]
    Nonce,
    /// `exp` has come.
    #[error("the id token has expired")]
    Expired,
    /// `nbf` or `iat` lies more than a minute ahead.
    #[error("the id token is not yet valid")]
    NotYetValid,
    /// A claim that is needed is absent.
    #[error("the id token has no claim {0}")]
    MissingClaim(&'static str),
    /// Entra's keys cannot be had.
    #[error("Microsoft Entra ID's signing keys are unavailable")]
    KeysUnavailable(#[source] FetchError),
}

impl From<Fault> for IdTokenError {
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

/// Verifies an id token in full: signature, `iss` of `tid`, tenant, `aud`,
/// lifetime (all by [`Verifier`]), `ver`, `azp` and the `nonce` of this
/// sign-in.
pub(crate) async fn verify(
    verifier: &Verifier,
    id_token: &str,
    nonce: &str,
) -> Result<IdToken, IdTokenError> {
    let Verified {
        claims,
        origin,
        issued_at,
        expires_at,
        ..
    } = verifier.verify(id_token).await?;
    // The version 2 endpoint issues version 2 id tokens, whatever the format
    // of the access tokens.
    if origin.version != TokenVersion::V2 {
        return Err(IdTokenError::Issuer);
    }
    if claims
        .azp
        .is_some_and(|party| party != verifier.settings.client_id)
    {
        return Err(IdTokenError::AuthorizedParty);
    }
    match claims.nonce {
        None => return Err(IdTokenError::MissingClaim("nonce")),
        Some(claimed) if claimed != nonce => return Err(IdTokenError::Nonce),
        Some(_) => {}
    }
    Ok(IdToken {
        tenant_id: origin.tenant,
        object_id: claims.oid.ok_or(IdTokenError::MissingClaim("oid"))?,
        subject: claims.sub.ok_or(IdTokenError::MissingClaim("sub"))?,
        name: claims.name,
        email: claims.email,
        preferred_username: claims.preferred_username,
        issued_at,
        expires_at,
    })
}

impl IdTokenError {
    /// Whether this is our trouble rather than the token's.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::KeysUnavailable(_))
    }
}
