//! `GET /api/health` as server-sent events: the report at once, and a second
//! event a second later. Whoever gets both together sits behind something
//! that collects answers before it passes them on, and chat cannot stream
//! there. Needs no sign-in, holds nothing of anybody, and ends by itself.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, stream};
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};

use super::HealthReport;

/// How far the two events are apart.
const APART: Duration = Duration::from_secs(1);

/// Whether the caller asked for events.
pub(super) fn is_asked_for(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.starts_with("text/event-stream"))
}

/// The two events.
pub(super) fn answer(report: &HealthReport) -> Response {
    let report = serde_json::to_string(report).unwrap_or_default();
    let first = format!("event: health\ndata: {report}\n\n");
    let last = "event: end\ndata: {}\n\n".to_owned();
    let events = stream::iter([(Duration::ZERO, first), (APART, last)]).then(
        async |(wait, event): (Duration, String)| {
            tokio::time::sleep(wait).await;
            Ok::<_, Infallible>(event)
        },
    );
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, Body::from_stream(events)).into_response()
}
