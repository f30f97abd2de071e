//! Titles of sessions.

use http::StatusCode;

use crate::error::ApiError;

/// Longest title, in characters.
const LONGEST: usize = 200;

/// A title without the space around it.
///
/// # Errors
/// 422 `INVALID_BODY` unless it has 1 to 200 characters and no control
/// characters.
pub(super) fn check_title(title: &str) -> Result<String, ApiError> {
    let title = title.trim();
    let sound = (1..=LONGEST).contains(&title.chars().count()) && !title.contains(char::is_control);
    sound.then(|| title.to_owned()).ok_or_else(|| {
        ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "INVALID_BODY",
            "A title has 1 to 200 characters on one line.",
        )
    })
}
