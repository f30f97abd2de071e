//! What a caller of a tool can do, as for callers over HTTP.

use crate::downstream::Remedy;
use crate::error::ApiError;
use crate::mcp::{ToolChallenge, ToolError};

/// What people are told over HTTP, they are told here, with the same remedy.
pub(super) fn tool_error(error: &ApiError) -> ToolError {
    let message = error.detail().to_owned();
    let told = match error.log() {
        Some(log) => ToolError::unavailable(message, log),
        None => ToolError::new(message),
    };
    match error.remedy().cloned() {
        Some(Remedy::StepUp(link)) => told.with_step_up(link),
        Some(Remedy::Claims(claims)) => told.with_challenge(ToolChallenge::Claims(claims)),
        Some(Remedy::SignIn) => told.with_challenge(ToolChallenge::SignInEnded),
        None => told,
    }
}
