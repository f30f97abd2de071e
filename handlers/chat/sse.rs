//! A turn as an event stream (HTML Living Standard, "Server-sent events").

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use super::Chat;
use super::event_id::EventIds;
use super::events::{Ask, Emitted, Events, TurnEvent};
use crate::error::ApiError;
use crate::identity::UserPartition;

/// Silence after which a comment keeps the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The answer of a client that takes events.
pub(super) fn stream(
    chat: &Arc<Chat>,
    partition: UserPartition,
    session_id: Uuid,
    events: Events,
) -> Response {
    let chat = chat.clone();
    let stream = ReceiverStream::new(events)
        .map(move |emitted| to_event(&chat, &partition, session_id, &emitted));
    respond(stream)
}

/// The answer of a client that takes events when the person has to do
/// something at Entra before the agent can be asked: the link, then the end.
pub(super) fn asks(error: ApiError) -> Response {
    let events: Vec<_> = TurnEvent::step_up(&error)
        .into_iter()
        .chain([TurnEvent::Failed(error)])
        .map(|event| unnumbered(&event))
        .collect();
    respond(futures::stream::iter(events))
}

fn respond(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("still here");
    let events = events.map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that buffer would hold events back (nginx).
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

fn to_event(chat: &Chat, partition: &UserPartition, session_id: Uuid, emitted: &Emitted) -> Event {
    let event = unnumbered(&emitted.event);
    let id = chat.rings.current().ok().and_then(|ring| {
        EventIds {
            ring: &ring,
            partition,
            session_id,
        }
        .seal(
            &emitted.position,
            emitted.response_id.as_deref(),
            chat.random.as_ref(),
        )
    });
    match id {
        Some(id) => event.id(id),
        None => event,
    }
}

/// An event that nothing goes on from.
fn unnumbered(event: &TurnEvent) -> Event {
    Event::default()
        .event(event.name())
        .data(data(event).to_string())
}

fn data(event: &TurnEvent) -> Value {
    match event {
        TurnEvent::Delta(text) => json!({"text": text}),
        TurnEvent::ToolStarted {
            id,
            name,
            server_label,
            kind,
        } => json!({
            "id": id, "name": name, "server_label": server_label, "kind": kind.as_str(),
        }),
        TurnEvent::ToolCompleted { id, failed } => json!({"id": id, "failed": failed}),
        TurnEvent::Asked(ask) => ask_data(ask),
        TurnEvent::Completed(message) => json!({"message": message}),
        TurnEvent::Failed(error) => json!({"code": error.code(), "detail": error.detail()}),
    }
}

/// What is asked, as clients see it.
pub(super) fn ask_data(ask: &Ask) -> Value {
    match ask {
        Ask::Consent {
            id,
            link,
            server_label,
        } => json!({"id": id, "link": link, "server_label": server_label}),
        Ask::Approval {
            id,
            name,
            arguments,
            server_label,
        } => json!({
            "id": id, "name": name, "arguments": arguments, "server_label": server_label,
        }),
    }
}
