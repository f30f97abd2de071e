//! The span of a request: its place in the caller's trace, and what came of
//! it.

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use opentelemetry::Context;
use opentelemetry::trace::{
    SpanContext, SpanId, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use uuid::Uuid;

use super::identifiers::named;
use super::is_on;
use crate::context::current_correlation_id;

/// The `traceparent` that a request came with (W3C Trace Context section 3.2).
#[derive(Debug, Clone)]
pub struct IncomingTrace {
    /// The header as it came.
    pub header: HeaderValue,
    /// The trace's id.
    pub trace_id: Uuid,
    parent: [u8; 8],
}

impl IncomingTrace {
    /// What `headers` carry; `None` for nothing, and for what is malformed.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let header = headers.get("traceparent")?;
        let mut parts = header.to_str().ok()?.split('-');
        let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
        if version.len() != 2 || trace.len() != 32 || parent.len() != 16 {
            return None;
        }
        let trace_id = Uuid::try_parse(trace).ok().filter(|id| !id.is_nil())?;
        let parent = u64::from_str_radix(parent, 16).ok().filter(|id| *id != 0)?;
        Some(Self {
            header: header.clone(),
            trace_id,
            parent: parent.to_be_bytes(),
        })
    }

    /// The flags say whether the host samples, and are left aside: it sends
    /// 00 where it does not, which would drop every trace of ours.
    fn context(&self) -> Context {
        Context::new().with_remote_span_context(SpanContext::new(
            TraceId::from_bytes(self.trace_id.into_bytes()),
            SpanId::from_bytes(self.parent),
            TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        ))
    }
}

/// The span that `make` makes, as part of the incoming trace, or as the
/// beginning of one that is called `id`.
pub fn begin(incoming: Option<&IncomingTrace>, id: Uuid, make: impl FnOnce() -> Span) -> Span {
    if !is_on() {
        return make();
    }
    match incoming {
        Some(incoming) => {
            let span = make();
            // Without our layer there is nothing to place.
            let _ = span.set_parent(incoming.context());
            span
        }
        None => named(id, || {
            let span = make();
            // The id is taken here, on this thread.
            drop(span.context());
            span
        }),
    }
}

/// Puts what came of a request on its span. The route is the pattern, never
/// the path: paths hold ids.
pub fn finish(span: &Span, method: &Method, route: &str, status: StatusCode) {
    if !is_on() {
        return;
    }
    span.set_attribute("http.request.method", method.as_str().to_owned());
    span.set_attribute("http.route", route.to_owned());
    span.set_attribute("url.path", route.to_owned());
    span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.set_status(Status::error(""));
    }
}

/// The span of a tool's work, where telemetry is collected; else none, since the
/// log names the innermost span alone, and the request's says which request.
#[must_use]
pub fn tool_span(tool: &'static str) -> Span {
    if !is_on() {
        return Span::none();
    }
    let correlation_id = current_correlation_id().map(tracing::field::display);
    tracing::info_span!("tool", otel.name = tool, tool, correlation_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &'static str) -> Option<Uuid> {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static(value));
        IncomingTrace::of(&headers).map(|incoming| incoming.trace_id)
    }

    #[test]
    fn the_trace_id_is_read() {
        let id = of("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
        assert_eq!(
            id.map(|id| id.simple().to_string()).as_deref(),
            Some("0af7651916cd43dd8448eb211c80319c")
        );
    }

    #[test]
    fn a_malformed_or_null_trace_is_ignored() {
        for value in [
            "",
            "00-zz-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-00",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-00",
        ] {
            assert_eq!(of(value), None, "{value}");
        }
    }
}
