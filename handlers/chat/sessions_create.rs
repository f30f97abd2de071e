//! `POST /api/sessions`: a session with an agent.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::title::check_title;
use super::{Chat, ChatCaller, Session};
use crate::error::ApiError;
use crate::json::JsonBody;

/// The body of `POST /api/sessions`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSession {
    /// The id of an agent of `GET /api/agents`.
    #[schemars(example = &"assistant")]
    agent_id: String,
    /// What to call the session, on one line.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    title: Option<String>,
}

/// A session.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SessionAnswer {
    /// The session.
    pub session: Session,
}

/// Makes a session.
///
/// # Errors
/// 404 `AGENT_NOT_FOUND` for an agent that the caller may not use, 409
/// `AGENT_UNAVAILABLE` for one that Foundry has turned off or has not, 422 for a
/// title that is too long, 503 while storage does not answer.
pub async fn create_session(
    ChatCaller(caller): ChatCaller,
    State(chat): State<Arc<Chat>>,
    JsonBody(new): JsonBody<NewSession>,
) -> Result<(StatusCode, Json<SessionAnswer>), ApiError> {
    let agent = chat.agent_or_refusal(&caller, &new.agent_id).await?;
    let title = new.title.as_deref().map(check_title).transpose()?;
    let session = chat
        .store
        .create(&caller.partition(), &agent.id, title)
        .await?;
    Ok((StatusCode::CREATED, Json(SessionAnswer { session })))
}
