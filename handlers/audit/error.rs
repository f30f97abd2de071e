//! Why something could not be entered into the log.

use std::time::Duration;

use thiserror::Error;

use crate::error::ApiError;
use crate::identity::NoKeyRing;

/// Why something could not be entered into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuditError {
    /// The queue was full for a second.
    #[error("the audit log takes no more entries right now")]
    Full,
    /// Storage has not confirmed the entry in time. It is still queued.
    #[error("the audit log could not be written in time")]
    NotDurable,
    /// There are no keys to chain entries with.
    #[error(transparent)]
    NoKeys(#[from] NoKeyRing),
    /// The process ends.
    #[error("the audit log is closed")]
    Closed,
}

impl From<AuditError> for ApiError {
    fn from(error: AuditError) -> Self {
        if let AuditError::NoKeys(missing) = error {
            return missing.into();
        }
        Self::unavailable(
            "AUDIT_UNAVAILABLE",
            "The audit log cannot be written right now, and nothing is done without it. \
             Try again shortly.",
            Duration::from_secs(5),
        )
        .with_log(error)
    }
}
