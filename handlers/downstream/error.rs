//! Why there is no downstream token.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use entrada_entra::EntraError;
use thiserror::Error;

use crate::auth::credential_trouble;
use crate::grants::GrantError;
use crate::identity::NoKeyRing;

/// What lay behind an error, shared since failures are remembered.
type Cause = Arc<dyn Error + Send + Sync>;

/// What is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// Microsoft Entra ID, or our own credential for it.
    Entra,
    /// Storage or the key ring, without which the sign-in cannot be read.
    Storage,
}

/// Why there is no downstream token.
#[derive(Debug, Clone, Error)]
pub enum DownstreamError {
    /// The caller is an application: nobody to act on behalf of.
    #[error("an application has nobody to act on behalf of")]
    ApplicationCaller,
    /// The sign-in behind the call has ended: the grant is over, or Entra's
    /// token in it has expired.
    #[error("the sign-in behind the call has ended")]
    Ended(#[source] Cause),
    /// The person or an administrator has to consent first.
    #[error("consent to the downstream service is missing")]
    ConsentRequired(#[source] EntraError),
    /// The person has to do something first: a second factor, a device.
    #[error("Microsoft Entra asks for interaction")]
    InteractionRequired {
        /// The claims challenge (JSON) for the next sign-in.
        claims: Option<String>,
        /// What Entra said.
        #[source]
        source: EntraError,
    },
    /// Something does not answer right now.
    #[error("what a downstream token needs is away")]
    Unavailable {
        /// What is away.
        what: Missing,
        /// How long Entra asked to wait.
        retry_after: Option<Duration>,
        /// What happened.
        #[source]
        source: Cause,
    },
    /// Entra refused for a reason that the person cannot mend: mostly the
    /// app registration.
    #[error("Microsoft Entra refused a downstream token")]
    Refused(#[source] EntraError),
}

impl DownstreamError {
    /// What is missing, when it is known: a code and words for the caller.
    #[must_use]
    pub fn missing(&self) -> Option<(&'static str, String)> {
        let Self::Unavailable { source, .. } = self else {
            return None;
        };
        if let Some(error) = source.downcast_ref::<EntraError>() {
            return credential_trouble(error);
        }
        match source.downcast_ref::<GrantError>() {
            Some(GrantError::NoKeys(NoKeyRing(keys))) => Some((
                keys.code(),
                format!("This cannot be done right now: {}.", keys.detail()),
            )),
            _ => None,
        }
    }

    /// Whether it was Entra's word, which is worth remembering for a moment.
    pub(super) fn is_entras(&self) -> bool {
        match self {
            Self::ConsentRequired(_)
            | Self::InteractionRequired { .. }
            | Self::Refused(_)
            | Self::Unavailable {
                what: Missing::Entra,
                ..
            } => true,
            Self::ApplicationCaller | Self::Ended(_) | Self::Unavailable { .. } => false,
        }
    }

    /// Whether the person could do something about it.
    pub(super) fn is_the_persons(&self) -> bool {
        matches!(
            self,
            Self::ConsentRequired(_) | Self::InteractionRequired { .. }
        )
    }
}

impl From<EntraError> for DownstreamError {
    fn from(error: EntraError) -> Self {
        if error.is_unavailable() {
            let retry_after = match &error {
                EntraError::Unavailable { retry_after, .. } => *retry_after,
                _ => None,
            };
            return Self::Unavailable {
                what: Missing::Entra,
                retry_after,
                source: Arc::new(error),
            };
        }
        match error {
            EntraError::ConsentRequired { .. } => Self::ConsentRequired(error),
            EntraError::InteractionRequired { ref claims, .. } => Self::InteractionRequired {
                claims: claims.clone(),
                source: error,
            },
            EntraError::ApplicationAssertion => Self::ApplicationCaller,
            EntraError::InvalidGrant { .. } | EntraError::AccessToken(_) => {
                Self::Ended(Arc::new(error))
            }
            other => Self::Refused(other),
        }
    }
}

impl From<GrantError> for DownstreamError {
    fn from(error: GrantError) -> Self {
        match error {
            GrantError::Storage(_) | GrantError::NoKeys(_) => Self::Unavailable {
                what: Missing::Storage,
                retry_after: None,
                source: Arc::new(error),
            },
            // What cannot be decrypted any more is as good as gone: the
            // remedy is the same.
            other => Self::Ended(Arc::new(other)),
        }
    }
}
