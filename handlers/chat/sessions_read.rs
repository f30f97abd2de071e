//! `GET /api/sessions/{id}`: a session and its messages.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::refusal::no_such_session;
use super::sessions_list::{invalid_cursor, page_size};
use super::{Chat, ChatCaller, Message, Session};
use crate::error::ApiError;
use crate::json::QueryString;

/// Messages on a page when nobody says how many, and at most.
const USUAL: usize = 100;
const MOST: usize = 200;

/// The query of `GET /api/sessions/{id}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessagesQuery {
    /// Messages on a page, 1 to 200; 100 by default. Long ones make a page
    /// shorter.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A session and a page of its messages, oldest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SessionWithMessages {
    session: Session,
    messages: Vec<Message>,
    /// Where the next page begins; null on the last.
    next_cursor: Option<String>,
}

/// A session and its messages.
///
/// # Errors
/// 404 `SESSION_NOT_FOUND`, the same for one that is not there and one of
/// somebody else; 400 `INVALID_QUERY`; 503 while storage does not answer.
pub async fn read_session(
    ChatCaller(caller): ChatCaller,
    State(chat): State<Arc<Chat>>,
    Path(id): Path<String>,
    QueryString(query): QueryString<MessagesQuery>,
) -> Result<Json<SessionWithMessages>, ApiError> {
    let id = Uuid::try_parse(&id).map_err(|_| no_such_session())?;
    let limit = page_size(query.limit, USUAL, MOST)?;
    let from = query.cursor.as_deref().map_or(Ok(0), first_number)?;
    let partition = caller.partition();
    let stored = chat
        .store
        .find(&partition, id)
        .await?
        .ok_or_else(no_such_session)?;
    let page = chat.store.messages(&partition, id, limit, from).await?;
    let now = chat.clock.unix();
    Ok(Json(SessionWithMessages {
        messages: page
            .items
            .into_iter()
            .map(|message| message.shown(stored.lease, now))
            .collect(),
        session: stored.session,
        next_cursor: page.next.map(|number| number.to_string()),
    }))
}

fn first_number(cursor: &str) -> Result<i64, ApiError> {
    cursor
        .parse()
        .ok()
        .filter(|number| (0..1_000_000_000_000).contains(number))
        .ok_or_else(invalid_cursor)
}
