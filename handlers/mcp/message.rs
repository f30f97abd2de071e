//! The message of a request: what is not one is told so as JSON-RPC has it.

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, header};
use rmcp::model::{ErrorData, JsonRpcError};
use serde::de::IgnoredAny;

use super::door::MAX_BODY;
use crate::error::ApiError;

/// The body of a request, read in full.
pub(super) struct Message {
    bytes: Bytes,
    is_json: bool,
}

impl Message {
    /// Reads the body of a POST; other requests have none.
    ///
    /// # Errors
    /// The answer to a body that is too large, breaks off or is a batch.
    pub(super) async fn read(request: Request) -> Result<(Option<Self>, Request), Response> {
        if request.method() != Method::POST {
            return Ok((None, request));
        }
        let (parts, body) = request.into_parts();
        let bytes = to_bytes(body, MAX_BODY).await.map_err(not_read)?;
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'[') {
            let refusal = "A batch of JSON-RPC messages is not taken: only MCP 2025-03-26 had \
                           them. Send one message with each POST.";
            return Err(refused(ErrorData::invalid_request(refusal, None)));
        }
        let message = Self {
            bytes: bytes.clone(),
            is_json: is_json(&parts.headers),
        };
        Ok((Some(message), Request::from_parts(parts, Body::from(bytes))))
    }

    /// The message as it came.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The answer in the place of one that calls a body of type JSON an
    /// unsupported type, since it could not be understood.
    pub(super) fn answer(&self, given: StatusCode) -> Option<Response> {
        if given != StatusCode::UNSUPPORTED_MEDIA_TYPE || !self.is_json {
            return None;
        }
        Some(refused(
            match serde_json::from_slice::<IgnoredAny>(&self.bytes) {
                Ok(_) => ErrorData::invalid_request("This is no message of MCP.", None),
                Err(error) => ErrorData::parse_error(format!("This is not JSON: {error}."), None),
            },
        ))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn refused(error: ErrorData) -> Response {
    (
        StatusCode::BAD_REQUEST,
        Json(JsonRpcError::new(None, error)),
    )
        .into_response()
}

fn not_read(error: axum::Error) -> Response {
    let source = std::error::Error::source(&error);
    if source.is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>) {
        let detail = "A message has 4 MiB at most.";
        return ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", detail)
            .into_response();
    }
    ApiError::bad_request("INCOMPLETE_BODY", "The body broke off.")
        .with_log(error)
        .into_response()
}
