//! JSON and query extractors whose refusals have the documented error shape,
//! and what logs may say about JSON that cannot be read.

use std::fmt;

use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use http::header::{CACHE_CONTROL, PRAGMA};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Headers of answers that hold secrets: nobody keeps them (RFC 6749 section
/// 5.1).
pub(crate) const NO_STORE: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (PRAGMA, HeaderValue::from_static("no-cache")),
];

/// A JSON body. Refused with 400 `MALFORMED_JSON`, 413, 415 or 422
/// `INVALID_BODY`, each saying what is wrong and where.
#[derive(Debug, Clone, Copy)]
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(refuse_json(rejection)),
        }
    }
}

fn refuse_json(rejection: JsonRejection) -> ApiError {
    match rejection {
        JsonRejection::JsonSyntaxError(error) => ApiError::bad_request(
            "MALFORMED_JSON",
            format!("The body is not JSON: {}.", innermost(&error)),
        ),
        JsonRejection::JsonDataError(error) => ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "INVALID_BODY",
            format!(
                "The body does not have the expected form: {}.",
                innermost(&error)
            ),
        ),
        JsonRejection::MissingJsonContentType(_) => ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "Send JSON with `Content-Type: application/json`.",
        ),
        JsonRejection::BytesRejection(rejection) => refuse_bytes(&rejection),
        other => {
            ApiError::bad_request("INVALID_BODY", "The body could not be read.").with_log(other)
        }
    }
}

/// The answer to a body that could not be read to its end.
pub(crate) fn refuse_bytes(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "PAYLOAD_TOO_LARGE",
            "The body is larger than this route takes.",
        );
    }
    ApiError::bad_request("INVALID_BODY", "The body could not be read.").with_log(rejection)
}

/// The innermost cause: serde's own words about line and column.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Why JSON that may hold secrets cannot be read: what is wrong, and where.
/// serde's own words quote what they found, and are not for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JsonFault {
    what: &'static str,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for JsonFault {
    fn from(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        Self {
            what: match error.classify() {
                Category::Io => "it could not be read or written",
                Category::Syntax => "it is not JSON",
                Category::Data => "it has another form",
                Category::Eof => "it ends too early",
            },
            line: error.line(),
            column: error.column(),
        }
    }
}

impl fmt::Display for JsonFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.what)?;
        match self.line {
            // Not read from text.
            0 => Ok(()),
            line => write!(formatter, " (line {line}, column {})", self.column),
        }
    }
}

impl std::error::Error for JsonFault {}

/// The query string. Refused with 400 `INVALID_QUERY`.
#[derive(Debug, Clone, Copy)]
pub struct QueryString<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryString<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(refuse_query(&rejection)),
        }
    }
}

fn refuse_query(rejection: &QueryRejection) -> ApiError {
    ApiError::bad_request(
        "INVALID_QUERY",
        format!(
            "The query does not have the expected form: {}.",
            innermost(rejection)
        ),
    )
}
