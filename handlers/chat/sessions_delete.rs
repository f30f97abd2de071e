//! `DELETE /api/sessions/{id}`.

use std::sync::Arc;

use axum::extract::{Path, State};
use http::StatusCode;
use uuid::Uuid;

use super::refusal::no_such_session;
use super::{Chat, ChatCaller};
use crate::error::ApiError;

/// Deletes a session and all its messages. An answer that is being written
/// stops.
///
/// # Errors
/// 404 `SESSION_NOT_FOUND`; 503 while storage does not answer, and then the
/// deletion may be half done, the session gone from sight, and the same call
/// finishes it.
pub async fn delete_session(
    ChatCaller(caller): ChatCaller,
    State(chat): State<Arc<Chat>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let id = Uuid::try_parse(&id).map_err(|_| no_such_session())?;
    if chat.store.delete(&caller.partition(), id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_such_session())
    }
}
