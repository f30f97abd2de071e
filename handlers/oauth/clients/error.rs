//! Why a client is not found or not registered.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use entrada_tables::TableError;
use thiserror::Error;

use super::redirect::RedirectRefusal;

/// Why a client cannot be given.
#[derive(Debug, Clone, Error)]
pub enum ClientError {
    /// There is none of this id: never, not any more, or not yet.
    #[error("there is no client of this id")]
    Unknown,
    /// There is something, but it cannot be a client here.
    #[error("the client cannot be accepted: {reason}")]
    Refused {
        /// What is wrong with it, for the person in front of the browser and
        /// for the client's maker.
        reason: String,
    },
    /// It cannot be looked up right now; worth another try.
    #[error("the client cannot be looked up right now: {reason}")]
    Unavailable {
        /// What is away.
        reason: &'static str,
        /// What lay behind it.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl ClientError {
    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused {
            reason: reason.into(),
        }
    }
}

impl From<TableError> for ClientError {
    fn from(error: TableError) -> Self {
        Self::Unavailable {
            reason: "storage failed",
            source: Arc::new(error),
        }
    }
}

/// Why a client is not registered.
#[derive(Debug, Error)]
pub enum RegistrationError {
    /// A redirect URI cannot be taken (`invalid_redirect_uri`).
    #[error("redirect URI `{uri}` cannot be registered: {reason}")]
    RedirectUri {
        /// Which one: its first 200 characters, ASCII alone.
        uri: String,
        /// Why.
        reason: RedirectRefusal,
    },
    /// There are no redirect URIs, or too many (`invalid_redirect_uri`).
    #[error("{0}")]
    RedirectUris(&'static str),
    /// Something else cannot be taken (`invalid_client_metadata`).
    #[error("{0}")]
    Metadata(String),
    /// There is a software statement; the server trusts nobody to make them
    /// (`unapproved_software_statement`).
    #[error("software statements are not accepted; send the metadata itself")]
    SoftwareStatement,
    /// Too many registrations from one address.
    #[error("too many registrations from this address")]
    TooMany {
        /// When to come back.
        retry_after: Duration,
    },
    /// Storage failed.
    #[error("storage failed")]
    Storage(#[from] TableError),
}

impl RegistrationError {
    /// The `error` of the answer (RFC 7591 section 3.2.2, and RFC 6749
    /// section 4.1.2.1 for what may pass).
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::RedirectUri { .. } | Self::RedirectUris(_) => "invalid_redirect_uri",
            Self::Metadata(_) => "invalid_client_metadata",
            Self::SoftwareStatement => "unapproved_software_statement",
            Self::TooMany { .. } | Self::Storage(_) => "temporarily_unavailable",
        }
    }
}
