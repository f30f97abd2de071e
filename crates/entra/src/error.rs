use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

use crate::aadsts::{Aadsts, AadstsClass};
use crate::client::claims_parameter::is_claims_challenge;
use crate::{AccessTokenError, FetchError, IdTokenError};

/// Why Entra did not give us what we asked for as its client.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EntraError {
    /// Entra did not answer, or answered 429 or 5xx, after the retries that
    /// are safe: try later.
    #[error("Microsoft Entra ID is unavailable")]
    Unavailable {
        /// How long Entra asked us to wait.
        retry_after: Option<Duration>,
        /// What happened last.
        #[source]
        source: FetchError,
    },
    /// Our own credential cannot be had now (vault or managed identity).
    #[error("the credential of our own app is unavailable")]
    CredentialUnavailable(#[source] std::sync::Arc<dyn std::error::Error + Send + Sync>),
    /// Entra does not trust our own credential, or not yet: a federated
    /// credential is missing, is about another identity, or was made some
    /// minutes ago.
    #[error("Microsoft Entra ID does not accept the app's credential: {rejection}")]
    CredentialRefused {
        /// What Entra said.
        rejection: Box<Rejection>,
    },
    /// Entra refused, for a reason that the user cannot mend: mostly the app
    /// registration, its credential or the request.
    #[error("Microsoft Entra ID refused: {rejection}")]
    Rejected {
        /// What Entra said.
        rejection: Box<Rejection>,
    },
    /// The user must do something: second factor, device, password, risk.
    #[error("the user must sign in again: {rejection}")]
    InteractionRequired {
        /// The claims challenge (JSON) for the next authorization request.
        claims: Option<String>,
        /// What Entra said.
        rejection: Box<Rejection>,
    },
    /// The user or an administrator must consent to a permission.
    #[error("consent is required: {rejection}")]
    ConsentRequired {
        /// What Entra said.
        rejection: Box<Rejection>,
    },
    /// The code, refresh token or assertion is not good any more: expired,
    /// revoked, used, or its user disabled.
    #[error("the grant is not valid: {rejection}")]
    InvalidGrant {
        /// What Entra said.
        rejection: Box<Rejection>,
    },
    /// The id token was refused.
    #[error("the id token was refused")]
    IdToken(#[source] IdTokenError),
    /// The access token (one that Entra gave us, or the assertion of an
    /// On-Behalf-Of request) was refused.
    #[error("the access token was refused")]
    AccessToken(#[source] AccessTokenError),
    /// Two tokens that must be of one subject are not, or a token is of
    /// another tenant than the one that was asked.
    #[error("the tokens are not of the same subject")]
    SubjectMismatch,
    /// The assertion is an application's own token: nobody to act on behalf
    /// of.
    #[error("the assertion is not a user's token")]
    ApplicationAssertion,
    /// A request or an answer that the protocol does not allow.
    #[error("protocol error: {reason}")]
    Protocol {
        /// What is wrong.
        reason: &'static str,
    },
}

/// An OAuth error answer of Entra (RFC 6749 section 5.2 with Microsoft's
/// members). Its description is not kept: it may name people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// `error`, for instance `invalid_grant`.
    pub error: String,
    /// What is known about `code`.
    pub aadsts: Option<&'static Aadsts>,
    /// The number of the AADSTS code.
    pub code: Option<u32>,
    /// `suberror`, for instance `consent_required`.
    pub suberror: Option<String>,
    /// Entra's correlation id, which its sign-in logs and Microsoft's support
    /// know.
    pub correlation_id: Option<Uuid>,
    /// Entra's trace (request) id.
    pub trace_id: Option<Uuid>,
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.error)?;
        if let Some(code) = self.code {
            write!(formatter, " AADSTS{code}")?;
        }
        if let Some(aadsts) = self.aadsts {
            write!(formatter, " ({})", aadsts.name)?;
        }
        if let Some(id) = self.correlation_id {
            write!(formatter, ", correlation id {id}")?;
        }
        Ok(())
    }
}

impl EntraError {
    /// The error of an authorization response, which comes back to the
    /// redirect URI in place of a code (RFC 6749 section 4.1.2.1). The
    /// description is searched for the AADSTS code and not kept. Anyone can
    /// call the redirect URI: the caller has checked `state` first.
    #[must_use]
    pub fn from_authorization_response(error: &str, error_description: Option<&str>) -> Self {
        OAuthErrorAnswer {
            error: error.to_owned(),
            error_description: error_description.map(str::to_owned),
            ..OAuthErrorAnswer::default()
        }
        .into_error()
    }

    pub(crate) fn unavailable(source: FetchError) -> Self {
        Self::Unavailable {
            retry_after: source.retry_after(),
            source,
        }
    }

    /// What Entra said, when it said something.
    #[must_use]
    pub fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected { rejection }
            | Self::CredentialRefused { rejection }
            | Self::InteractionRequired { rejection, .. }
            | Self::ConsentRequired { rejection }
            | Self::InvalidGrant { rejection } => Some(rejection),
            Self::Unavailable { .. }
            | Self::CredentialUnavailable(_)
            | Self::IdToken(_)
            | Self::AccessToken(_)
            | Self::SubjectMismatch
            | Self::ApplicationAssertion
            | Self::Protocol { .. } => None,
        }
    }

    /// Whether trying later may help without anyone doing anything.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Unavailable { .. }
            | Self::CredentialUnavailable(_)
            | Self::CredentialRefused { .. } => true,
            Self::AccessToken(error) => error.is_unavailable(),
            Self::IdToken(error) => error.is_unavailable(),
            Self::Rejected { .. }
            | Self::InteractionRequired { .. }
            | Self::ConsentRequired { .. }
            | Self::InvalidGrant { .. }
            | Self::SubjectMismatch
            | Self::ApplicationAssertion
            | Self::Protocol { .. } => false,
        }
    }
}

/// What Entra answers while no federated credential of the app fits: nobody
/// but an administrator (or some minutes) mends it, and no retry is lost.
const NOT_FEDERATED: [u32; 5] = [70_021, 70_025, 700_211, 700_212, 700_213];

/// Longest `error` or `suberror` that is kept.
const ERROR_LIMIT: usize = 64;

/// An OAuth error as Entra writes it (Microsoft identity platform, "OAuth 2.0
/// authorization code flow", error response).
#[derive(Default, Deserialize)]
pub(crate) struct OAuthErrorAnswer {
    error: String,
    error_description: Option<String>,
    #[serde(default)]
    error_codes: Vec<u32>,
    suberror: Option<String>,
    claims: Option<String>,
    correlation_id: Option<Uuid>,
    trace_id: Option<Uuid>,
}

impl OAuthErrorAnswer {
    /// Who can do what about this error. Entra uses `invalid_grant` for much
    /// that the user can mend, so the AADSTS code and `suberror` decide before
    /// it.
    pub(crate) fn into_error(self) -> EntraError {
        if !is_error_text(&self.error) {
            return EntraError::Protocol {
                reason: "the error code of the answer is not one by RFC 6749",
            };
        }
        let code = self.error_codes.first().copied().or_else(|| {
            let description = self.error_description.as_deref()?;
            Aadsts::code_in(description)
        });
        let aadsts = code.and_then(Aadsts::of);
        let claims = self.claims.filter(|claims| is_claims_challenge(claims));
        let rejection = Box::new(Rejection {
            error: self.error,
            aadsts,
            code,
            suberror: self.suberror.filter(|text| is_error_text(text)),
            correlation_id: self.correlation_id,
            trace_id: self.trace_id,
        });
        if code.is_some_and(|code| NOT_FEDERATED.contains(&code)) {
            return EntraError::CredentialRefused { rejection };
        }
        let class = aadsts.map(|aadsts| aadsts.class);
        let error = rejection.error.as_str();
        let suberror = rejection.suberror.as_deref();
        if class == Some(AadstsClass::Transient) || error == "temporarily_unavailable" {
            return EntraError::unavailable(FetchError::Unusable {
                reason: "it says that it is temporarily unavailable",
            });
        }
        if class == Some(AadstsClass::Consent)
            || error == "consent_required"
            || suberror == Some("consent_required")
        {
            return EntraError::ConsentRequired { rejection };
        }
        if claims.is_some() || asks_for_interaction(class, error, suberror) {
            return EntraError::InteractionRequired { claims, rejection };
        }
        if error == "invalid_grant" {
            return EntraError::InvalidGrant { rejection };
        }
        EntraError::Rejected { rejection }
    }
}

/// The values of `suberror` are those of MSAL's `UiRequiredException`
/// classification; a code that is known says more than they do.
fn asks_for_interaction(class: Option<AadstsClass>, error: &str, suberror: Option<&str>) -> bool {
    class == Some(AadstsClass::Interaction)
        || matches!(error, "interaction_required" | "login_required")
        || (class.is_none()
            && matches!(
                suberror,
                Some("basic_action" | "additional_action" | "user_password_expired")
            ))
}

/// Whether `text` may stand in logs and answers: bounded, and of the
/// characters of RFC 6749 section 5.2.
fn is_error_text(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= ERROR_LIMIT
        && text
            .bytes()
            .all(|byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
