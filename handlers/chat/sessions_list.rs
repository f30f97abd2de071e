//! `GET /api/sessions`: the caller's sessions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Chat, ChatCaller, Session};
use crate::error::ApiError;
use crate::json::QueryString;

/// Sessions on a page when nobody says how many, and at most.
const USUAL: usize = 50;
const MOST: usize = 200;

/// The query of `GET /api/sessions`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionsQuery {
    /// Sessions on a page, 1 to 200; 50 by default.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of sessions.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Sessions {
    sessions: Vec<Session>,
    /// Where the next page begins; null on the last.
    next_cursor: Option<Uuid>,
}

/// Lists sessions, newest first.
///
/// # Errors
/// 400 `INVALID_QUERY` for a cursor that was not handed out, 503 while
/// storage does not answer.
pub async fn list_sessions(
    ChatCaller(caller): ChatCaller,
    State(chat): State<Arc<Chat>>,
    QueryString(query): QueryString<SessionsQuery>,
) -> Result<Json<Sessions>, ApiError> {
    let limit = page_size(query.limit, USUAL, MOST)?;
    let after = query
        .cursor
        .map(|cursor| Uuid::try_parse(&cursor).map_err(|_| invalid_cursor()))
        .transpose()?;
    let page = chat.store.list(&caller.partition(), limit, after).await?;
    Ok(Json(Sessions {
        sessions: page.items,
        next_cursor: page.next,
    }))
}

/// The number of items on a page.
pub(super) fn page_size(
    asked: Option<usize>,
    usual: usize,
    most: usize,
) -> Result<usize, ApiError> {
    let limit = asked.unwrap_or(usual);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(ApiError::bad_request(
        "INVALID_QUERY",
        format!("`limit` must be a number from 1 to {most}."),
    ))
}

/// 400: a cursor that was not handed out.
pub(super) fn invalid_cursor() -> ApiError {
    ApiError::bad_request(
        "INVALID_QUERY",
        "`cursor` must be the `next_cursor` of the page before.",
    )
}
