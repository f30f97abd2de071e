//! The answer to a call too many.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use thiserror::Error;

use crate::error::ApiError;
use crate::oauth::{OAuthError, refusal_page};

/// A limit has no call left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("too many requests; again in {} s", self.seconds())]
pub struct Exceeded {
    wait: Duration,
}

impl Exceeded {
    pub(super) fn new(wait: Duration) -> Self {
        Self { wait }
    }

    /// Whole seconds, at least one, after which there is a call again, if
    /// nobody else takes it: the value of `Retry-After` (RFC 9110 section
    /// 10.2.3).
    #[must_use]
    pub fn seconds(self) -> u64 {
        let started = u64::from(self.wait.subsec_nanos() > 0);
        (self.wait.as_secs() + started).max(1)
    }

    fn detail(self) -> String {
        format!(
            "Too many requests. Try again in {} seconds.",
            self.seconds()
        )
    }

    /// The answer of routes with our own errors.
    #[must_use]
    pub fn as_json(self) -> Response {
        ApiError::from(self).into_response()
    }

    /// The answer of OAuth routes that programs call (RFC 6749 section 5.2,
    /// with the code that section 4.1.2.1 has for "not now").
    #[must_use]
    pub fn as_oauth_error(self) -> Response {
        let error = OAuthError::bad_request("temporarily_unavailable", self.detail())
            .with_status(StatusCode::TOO_MANY_REQUESTS);
        self.with_retry_after(error.into_response())
    }

    /// The answer of routes that people see.
    #[must_use]
    pub fn as_page(self) -> Response {
        let status = StatusCode::TOO_MANY_REQUESTS;
        self.with_retry_after(refusal_page(status, "Too many requests", &self.detail()))
    }

    fn with_retry_after(self, mut response: Response) -> Response {
        let seconds = HeaderValue::from(self.seconds());
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
        response
    }
}

/// 429 (RFC 6585 section 4). It does not say which limit it was, so that
/// nobody learns what others use.
impl From<Exceeded> for ApiError {
    fn from(exceeded: Exceeded) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "RATE_LIMITED",
            exceeded.detail(),
        )
        .with_header(header::RETRY_AFTER, HeaderValue::from(exceeded.seconds()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_told_in_whole_seconds_and_never_none() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (59_400, 60)] {
            let exceeded = Exceeded::new(Duration::from_millis(millis));
            assert_eq!(exceeded.seconds(), seconds);
        }
    }
}
