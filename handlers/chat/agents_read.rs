//! `GET /api/agents/{id}`: one agent.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};

use super::{Agent, Chat, ChatCaller};
use crate::error::ApiError;

/// One agent.
///
/// # Errors
/// 404 `AGENT_NOT_FOUND`, the same for one that is unknown and one that the
/// caller may not use; 409 `AGENT_UNAVAILABLE` for one that Foundry has turned
/// off or has not.
pub async fn read_agent(
    ChatCaller(caller): ChatCaller,
    State(chat): State<Arc<Chat>>,
    Path(id): Path<String>,
) -> Result<Json<Agent>, ApiError> {
    chat.agent_or_refusal(&caller, &id).await.map(Json)
}
