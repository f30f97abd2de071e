//! `POST /api/chat`: says something to an agent.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::answer::Answer;
use super::caller::ChatCaller;
use super::content::{check_content, invalid};
use super::refusal::no_such_session;
use super::turn::{Input, TurnOrder};
use super::{Chat, sse};
use crate::context::CorrelationId;
use crate::error::ApiError;
use crate::json::JsonBody;

/// Most bytes of metadata, as JSON.
const METADATA: usize = 8 * 1024;

/// The body of `POST /api/chat`: `content`, or the answer to an approval
/// request.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatRequest {
    /// The session.
    session_id: String,
    /// What the person says.
    #[serde(default)]
    #[schemars(length(min = 1, max = 32000))]
    content: Option<String>,
    /// The answer to an approval request, in the place of `content`.
    #[serde(default)]
    approval: Option<Approval>,
    /// The client's own notes, kept with the message and not sent on.
    #[serde(default)]
    metadata: Map<String, Value>,
}

/// The answer to an `approval.required` event.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Approval {
    /// The `id` of the request.
    id: String,
    /// Whether the tool may be called.
    approve: bool,
    /// Why (not), for the agent.
    #[serde(default)]
    #[schemars(length(min = 1, max = 32000))]
    reason: Option<String>,
}

/// Says something in a session. The answer is the agent's whole message, or,
/// with `Accept: text/event-stream`, events as they come; then
/// `Last-Event-ID` goes on after that event and nothing is said.
///
/// # Errors
/// 404 for a session or agent that is not the caller's, 409 while another
/// answer is written in the session, 422 for a body that breaks a limit, 401
/// or 403 when Entra wants something of the person, 502 and 503 when the
/// agents' service fails before it answers. After that: an `error` event.
/// What a person who signed in here can do about Entra's wish comes as a
/// `consent.required` event before the `error` event, in a stream.
pub async fn chat(
    ChatCaller(caller): ChatCaller,
    State(chat): State<Arc<Chat>>,
    Extension(CorrelationId(correlation_id)): Extension<CorrelationId>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<ChatRequest>,
) -> Result<Response, ApiError> {
    let session_id = Uuid::try_parse(&request.session_id).map_err(|_| no_such_session())?;
    let partition = caller.partition();
    let streams = takes_events(&headers);
    let last_event_id = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .filter(|_| streams);
    let begun = if let Some(id) = last_event_id {
        chat.resume(caller, session_id, id).await
    } else {
        let order = request.check(session_id, correlation_id)?;
        chat.start(caller, order).await
    };
    let events = match begun {
        Ok(events) => events,
        Err(error) if streams && error.step_up().is_some() => return Ok(sse::asks(error)),
        Err(error) => return Err(error),
    };
    if streams {
        return Ok(sse::stream(&chat, partition, session_id, events));
    }
    let answer = Answer::collect(events).await?;
    let no_store = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((no_store, Json(answer)).into_response())
}

impl ChatRequest {
    fn check(self, session_id: Uuid, correlation_id: Uuid) -> Result<TurnOrder, ApiError> {
        let input = match (self.content, self.approval) {
            (Some(content), None) => Input::Text(check_content(content)?),
            (None, Some(approval)) => Input::Approval {
                id: approval.id,
                approve: approval.approve,
                reason: approval.reason.map(check_content).transpose()?,
            },
            _ => return Err(invalid("Send either `content` or `approval`.")),
        };
        let bytes = serde_json::to_vec(&self.metadata).map_or(usize::MAX, |json| json.len());
        if bytes > METADATA {
            return Err(invalid("`metadata` has more than 8 KiB."));
        }
        Ok(TurnOrder {
            session_id,
            input,
            metadata: self.metadata,
            correlation_id,
            only_attended: false,
        })
    }
}

/// Whether the client asks for events: what it accepts names them.
fn takes_events(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|media| media.trim().eq_ignore_ascii_case("text/event-stream"))
}
