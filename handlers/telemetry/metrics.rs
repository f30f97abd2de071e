//! How long requests take, which tools are called, and how both end.

use std::sync::LazyLock;
use std::time::Duration;

use http::{Method, StatusCode};
use opentelemetry::metrics::{Counter, Histogram};
use opentelemetry::{KeyValue, global};

use super::is_on;

/// Seconds, by method, route and status (OpenTelemetry semantic conventions
/// for HTTP).
static REQUESTS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    global::meter("entrada")
        .f64_histogram("http.server.request.duration")
        .with_unit("s")
        .build()
});

/// Calls, by tool and outcome.
static TOOLS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    global::meter("entrada")
        .u64_counter("entrada.tool.calls")
        .build()
});

/// A request was answered. `route` is the pattern.
pub fn request_answered(method: &Method, route: &str, status: StatusCode, took: Duration) {
    if !is_on() {
        return;
    }
    // Anybody can invent methods; each would be a series of its own.
    let known = [
        Method::GET,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::HEAD,
    ];
    let method = if known.contains(method) {
        method.as_str().to_owned()
    } else {
        "_OTHER".to_owned()
    };
    let attributes = [
        KeyValue::new("http.request.method", method),
        KeyValue::new("http.route", route.to_owned()),
        KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
    ];
    REQUESTS.record(took.as_secs_f64(), &attributes);
}

/// A tool that the caller sees was called.
pub fn tool_called(tool: &'static str, outcome: &'static str) {
    if is_on() {
        let attributes = [
            KeyValue::new("tool", tool),
            KeyValue::new("outcome", outcome),
        ];
        TOOLS.add(1, &attributes);
    }
}
