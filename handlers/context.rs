//! What surrounds every request: its correlation id, its log span, and the
//! one place where errors become JSON.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use entrada_ambient::{Clock, Random};
use futures::FutureExt;
use http::{HeaderName, HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use tokio::task::JoinHandle;
use tracing::Instrument;
use uuid::Uuid;

use crate::auth::step_up::{self, StepUpLink};
use crate::drain::drain;
use crate::error::{ApiError, PendingError, panic_message};
use crate::telemetry::{self, IncomingTrace};

/// The answer's header that carries the correlation id.
pub const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// Identifies one request in answers, logs and audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CorrelationId(pub Uuid);

tokio::task_local! {
    static CURRENT: CorrelationId;
}

/// The correlation id of the request that this task works on, if it works on
/// one.
#[must_use]
pub fn current_correlation_id() -> Option<Uuid> {
    CURRENT.try_with(|id| id.0).ok()
}

/// What a task that works on a request knows of it without being handed it:
/// its correlation id and the trace of its caller. Tasks inherit neither.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestScope {
    id: Option<CorrelationId>,
    traceparent: Option<HeaderValue>,
}

impl RequestScope {
    /// That of the request that this task works on; empty when it works on
    /// none.
    pub(crate) fn current() -> Self {
        Self {
            id: CURRENT.try_with(|id| *id).ok(),
            traceparent: entrada_ambient::incoming_traceparent(),
        }
    }

    /// Does `work` as part of the request.
    pub(crate) async fn run<F: Future>(self, work: F) -> F::Output {
        let work = entrada_ambient::continuing(self.traceparent, work);
        match self.id {
            Some(id) => CURRENT.scope(id, work).await,
            None => work.await,
        }
    }
}

/// Starts a task that does `work` as part of the request that this one works
/// on, and goes on when that one ends.
pub(crate) fn spawn<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(RequestScope::current().run(work.in_current_span()))
}

/// What the middleware of this module needs.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// For the time in error bodies and for durations in the log.
    pub clock: Arc<dyn Clock>,
    /// For correlation ids.
    pub random: Arc<dyn Random>,
}

/// The body of an error of `/api` and `/auth`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ErrorBody<'a> {
    /// What is wrong and what to do about it, for people.
    pub detail: &'a str,
    /// What is wrong, for programs: `UPPER_SNAKE`.
    pub code: &'a str,
    /// When it happened, RFC 3339 UTC.
    pub timestamp: String,
    /// Identifies the request in the log.
    pub correlation_id: Uuid,
    /// Where the person can do what Entra asks for first, if that is what is
    /// wrong: good once, for ten minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_up_url: Option<&'a str>,
}

/// Gives a request its correlation id and span, reads it to its end, and turns
/// errors and panics into JSON. One layer, since each costs every request.
///
/// The id is the trace id of a W3C `traceparent` when there is one, so that
/// it is the same in the host's telemetry; else a random UUID.
pub async fn surround(
    State(surroundings): State<Surroundings>,
    mut request: Request,
    next: Next,
) -> Response {
    let incoming = IncomingTrace::of(request.headers());
    let id = incoming.as_ref().map_or_else(
        || surroundings.random.uuid_v4(),
        |incoming| incoming.trace_id,
    );
    request.extensions_mut().insert(CorrelationId(id));
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let span = telemetry::begin(incoming.as_ref(), id, || {
        tracing::info_span!(
            "request",
            otel.kind = "server",
            method = %method,
            path = loggable(request.uri().path()),
            correlation_id = %id,
        )
    });
    let started = surroundings.clock.monotonic();
    let of_request = span.clone();
    let answering = async move {
        let mut response = drain(request, |request| {
            unless_it_panics(next.run(request), |said| {
                ApiError::internal(format!("panic: {said}")).into_response()
            })
        })
        .await;
        if let Some(error) = response.extensions_mut().remove::<PendingError>() {
            response = render(&response, &error, id, surroundings.clock.as_ref());
        }
        if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
            response.headers_mut().insert(CORRELATION_ID, value);
        }
        let elapsed = surroundings.clock.monotonic().saturating_sub(started);
        let status = response.status();
        tracing::debug!(
            status = status.as_u16(),
            duration_ms = elapsed.as_secs_f64() * 1000.0,
            "answered"
        );
        let route = matched.as_ref().map_or("other", MatchedPath::as_str);
        telemetry::finish(&of_request, &method, route, status);
        telemetry::request_answered(&method, route, status, elapsed);
        response
    };
    let answering = CURRENT.scope(CorrelationId(id), answering.instrument(span));
    entrada_ambient::continuing(incoming.map(|incoming| incoming.header), answering).await
}

/// The answer, or what `broken` makes of the words of a panic: the request
/// ends, not the process.
pub(crate) fn unless_it_panics<T>(
    answering: impl Future<Output = T>,
    broken: impl FnOnce(&str) -> T,
) -> impl Future<Output = T> {
    // What a panic leaves behind is never looked at again.
    let answering = AssertUnwindSafe(answering).catch_unwind();
    answering.map(|answered| answered.unwrap_or_else(|panic| broken(panic_message(&*panic))))
}

/// A path as it may be logged: the id of a step-up is a link that only one
/// person should have.
fn loggable(path: &str) -> &str {
    if path.starts_with(step_up::PATH) {
        return step_up::PATH;
    }
    path
}

fn render(response: &Response, error: &PendingError, id: Uuid, clock: &dyn Clock) -> Response {
    let status = response.status();
    let log = error.log.as_deref().unwrap_or_default();
    if status.is_server_error() {
        tracing::error!(
            code = error.code,
            status = status.as_u16(),
            log,
            "request failed"
        );
    } else {
        tracing::info!(
            code = error.code,
            status = status.as_u16(),
            log,
            "request refused"
        );
    }
    let mut rendered = (
        status,
        Json(ErrorBody {
            detail: &error.detail,
            code: error.code,
            timestamp: clock.now().format(&Rfc3339).unwrap_or_default(),
            correlation_id: id,
            step_up_url: error.step_up.as_ref().map(StepUpLink::expose),
        }),
    )
        .into_response();
    for (name, value) in response.headers() {
        if !rendered.headers().contains_key(name) || name == http::header::WWW_AUTHENTICATE {
            rendered.headers_mut().append(name, value.clone());
        }
    }
    let personal = status == StatusCode::UNAUTHORIZED || error.step_up.is_some();
    if personal || status.is_server_error() {
        rendered.headers_mut().insert(
            http::header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        );
    }
    rendered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_is_started_for_a_request_works_on_it_too() {
        let scope = RequestScope {
            id: Some(CorrelationId(Uuid::from_u128(7))),
            traceparent: Some(HeaderValue::from_static(
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            )),
        };
        let known = || (current_correlation_id(), entrada_ambient::traceparent());
        let working = scope.clone().run(async {
            let inherited = tokio::spawn(async move { known() });
            let given = spawn(async move { known() });
            (inherited.await.unwrap(), given.await.unwrap())
        });
        let (inherited, given) = working.await;
        assert_eq!(inherited, (None, None));
        assert_eq!(given, (scope.id.map(|id| id.0), scope.traceparent));
        assert_eq!(spawn(async move { known() }).await.unwrap(), (None, None));
    }
}
