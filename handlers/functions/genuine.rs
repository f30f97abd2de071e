//! Telling the host's own calls from requests that imitate them.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use crate::error::ApiError;

/// Headers that the host sets on every request that it proxies, over whatever
/// the client sent, and on none that it wraps (azure-functions-host,
/// `DefaultHttpProxyService` and YARP's transforms; `DefaultHttpWorkerService`).
/// One of them says that somebody outside asked for the path of a function.
const OF_PROXIED_REQUESTS: [&str; 5] = [
    "x-ms-invocation-id",
    "x-forwarded-host",
    "x-forwarded-for",
    "x-forwarded-proto",
    "forwarded",
];

/// Refuses requests from outside that have the form of the host's wrapped
/// calls. For them these paths do not exist.
pub async fn refuse_forged(request: Request, next: Next) -> Response {
    if is_proxied(request.headers()) {
        return ApiError::no_such_route().into_response();
    }
    next.run(request).await
}

fn is_proxied(headers: &HeaderMap) -> bool {
    OF_PROXIED_REQUESTS
        .iter()
        .any(|name| headers.contains_key(*name))
}
