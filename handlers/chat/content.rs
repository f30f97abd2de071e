//! What may be said.

use http::StatusCode;

use crate::error::ApiError;

/// Longest message, in characters.
const LONGEST: usize = 32_000;

/// A message that is not too long.
///
/// # Errors
/// 422 `INVALID_BODY` unless it has 1 to 32,000 characters, not all of them
/// space.
pub(super) fn check_content(content: String) -> Result<String, ApiError> {
    let fits = content.chars().take(LONGEST + 1).count() <= LONGEST;
    if fits && !content.trim().is_empty() {
        Ok(content)
    } else {
        Err(invalid("A message has 1 to 32,000 characters."))
    }
}

/// 422: a body that breaks a limit.
pub(super) fn invalid(detail: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "INVALID_BODY", detail)
}
