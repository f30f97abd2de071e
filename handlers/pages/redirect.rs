//! Redirects that tell nobody where they came from and are not kept.

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE};
use http::{HeaderValue, StatusCode};

use crate::error::ApiError;

/// A redirect with cookies (`Set-Cookie` values). A location that cannot
/// stand in a header is a fault of ours: whoever calls has checked it.
pub(crate) fn redirect(status: StatusCode, location: &str, cookies: &[&str]) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return ApiError::internal("a redirect's location cannot stand in a header")
            .into_response();
    };
    let mut response = (
        status,
        [
            (LOCATION, location),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ],
    )
        .into_response();
    add_cookies(&mut response, cookies);
    response
}

/// Adds `Set-Cookie` headers.
pub(crate) fn add_cookies(response: &mut Response, cookies: &[&str]) {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            response.headers_mut().append(SET_COOKIE, value);
        }
    }
}
