//! `PATCH /api/sessions/{id}`: another title.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::refusal::no_such_session;
use super::sessions_create::SessionAnswer;
use super::title::check_title;
use super::{Chat, ChatCaller};
use crate::error::ApiError;
use crate::json::JsonBody;

/// The body of `PATCH /api/sessions/{id}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// The new title, on one line.
    #[schemars(length(min = 1, max = 200))]
    title: String,
}

/// Gives a session another title, also while an answer is written in it.
///
/// # Errors
/// 404 `SESSION_NOT_FOUND`, 422 for a title that is empty or too long, 503
/// while storage does not answer.
pub async fn rename_session(
    ChatCaller(caller): ChatCaller,
    State(chat): State<Arc<Chat>>,
    Path(id): Path<String>,
    JsonBody(rename): JsonBody<Rename>,
) -> Result<Json<SessionAnswer>, ApiError> {
    let id = Uuid::try_parse(&id).map_err(|_| no_such_session())?;
    let title = check_title(&rename.title)?;
    let session = chat.store.rename(&caller.partition(), id, &title).await?;
    session
        .map(|session| Json(SessionAnswer { session }))
        .ok_or_else(no_such_session)
}
