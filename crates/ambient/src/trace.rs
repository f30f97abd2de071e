use std::future::Future;

use http::{HeaderName, HeaderValue};
use opentelemetry::trace::TraceContextExt as _;
use reqwest::{Client, Request, Response};
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

tokio::task_local! {
    static INCOMING: HeaderValue;
}

/// Does `work` for a request that came with `traceparent`, which requests to
/// others carry on.
pub async fn continuing<F: Future>(traceparent: Option<HeaderValue>, work: F) -> F::Output {
    match traceparent {
        Some(header) => INCOMING.scope(header, work).await,
        None => work.await,
    }
}

/// The `traceparent` of what is being done now (W3C Trace Context section
/// 3.2): of the current span while telemetry is collected, else the one that
/// came with the request.
#[must_use]
pub fn traceparent() -> Option<HeaderValue> {
    let context = Span::current().context();
    let span = context.span();
    let own = span.span_context();
    if own.is_valid() {
        let flags = own.trace_flags().to_u8();
        let text = format!("00-{}-{}-{flags:02x}", own.trace_id(), own.span_id());
        return text.try_into().ok();
    }
    incoming_traceparent()
}

/// The `traceparent` that came with the request that this task works on.
#[must_use]
pub fn incoming_traceparent() -> Option<HeaderValue> {
    INCOMING.try_with(HeaderValue::clone).ok()
}

/// The span of one request to `service`. Its target begins with `entrada`, by
/// which telemetry knows our own spans.
#[must_use]
pub fn upstream_span(service: &'static str, method: &str, address: &str) -> Span {
    tracing::info_span!(
        target: "entrada::upstream",
        "upstream",
        otel.kind = "client",
        otel.name = service,
        otel.status_code = tracing::field::Empty,
        peer.service = service,
        server.address = address,
        http.request.method = method,
        http.response.status_code = tracing::field::Empty,
    )
}

/// Sends `request` to `service` as a span of its own, with the trace context
/// of what is being done. Nothing of path, query, headers or body is in the
/// span.
///
/// # Errors
/// Those of [`Client::execute`].
pub async fn send(
    http: &Client,
    mut request: Request,
    service: &'static str,
) -> Result<Response, reqwest::Error> {
    let host = request.url().host_str().unwrap_or_default().to_owned();
    let span = upstream_span(service, request.method().as_str(), &host);
    let sending = async {
        if let Some(header) = traceparent() {
            request.headers_mut().insert(TRACEPARENT, header);
        }
        let answer = http.execute(request).await;
        let span = Span::current();
        match &answer {
            Ok(answer) => {
                span.record("http.response.status_code", answer.status().as_u16());
                if answer.status().is_server_error() {
                    span.record("otel.status_code", "ERROR");
                }
            }
            Err(_) => {
                span.record("otel.status_code", "ERROR");
            }
        }
        answer
    };
    sending.instrument(span).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_telemetry_the_callers_trace_goes_on() {
        assert_eq!(traceparent(), None);
        let header =
            HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let seen = continuing(Some(header.clone()), async { traceparent() }).await;
        assert_eq!(seen, Some(header));
    }
}
