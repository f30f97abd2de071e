//! `POST /register`: Dynamic Client Registration (RFC 7591).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, PRAGMA, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::clients::{Clients, RegistrationError, RegistrationRequest};
use crate::address::ClientAddress;
use crate::error::chain;

/// Seconds to wait when storage is away.
const STORAGE_PAUSE: u64 = 5;

/// Registers the client that the body describes, for anybody: 201 with the
/// client's id and what was registered, and a secret if it asked to
/// authenticate by one. There is no `registration_access_token`: clients are
/// not managed (RFC 7592) but registered again.
///
/// # Errors
/// As RFC 7591 section 3.2.2: 400 with `invalid_redirect_uri`,
/// `invalid_client_metadata` or `unapproved_software_statement`; 413; 429
/// and 503 with `temporarily_unavailable` and `Retry-After`.
pub async fn register(
    State(clients): State<Arc<Clients>>,
    ClientAddress(address): ClientAddress,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let request = match read(body) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    match clients.register(request, address).await {
        Ok(registered) => {
            tracing::info!(
                client_id = registered.client_id,
                name = registered.metadata.client_name,
                "a client registered itself"
            );
            answer(StatusCode::CREATED, Json(registered))
        }
        Err(error) => refuse(&error),
    }
}

/// The content type does not matter: nothing rides on a browser's cookies
/// here, and a body that is not JSON says so itself.
fn read(body: Result<Bytes, BytesRejection>) -> Result<RegistrationRequest, Response> {
    let body = body.map_err(|rejection| {
        let what = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            "the body is larger than 64 KiB"
        } else {
            "the body could not be read"
        };
        failure(rejection.status(), "invalid_client_metadata", what)
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        failure(
            StatusCode::BAD_REQUEST,
            "invalid_client_metadata",
            &format!("the body is not client metadata as JSON: {error}"),
        )
    })
}

fn refuse(error: &RegistrationError) -> Response {
    let (status, pause) = match error {
        RegistrationError::RedirectUri { .. }
        | RegistrationError::RedirectUris(_)
        | RegistrationError::Metadata(_)
        | RegistrationError::SoftwareStatement => (StatusCode::BAD_REQUEST, None),
        RegistrationError::TooMany { retry_after } => {
            let seconds = retry_after.as_secs().max(1);
            (StatusCode::TOO_MANY_REQUESTS, Some(seconds))
        }
        RegistrationError::Storage(_) => (StatusCode::SERVICE_UNAVAILABLE, Some(STORAGE_PAUSE)),
    };
    if status.is_server_error() {
        tracing::error!(error = chain(error), "a registration failed");
    } else {
        tracing::info!(error = chain(error), "a registration was refused");
    }
    let mut response = failure(status, error.code(), &error.to_string());
    if let Some(seconds) = pause {
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn failure(status: StatusCode, code: &str, description: &str) -> Response {
    let body = json!({"error": code, "error_description": description});
    answer(status, Json(body))
}

fn answer(status: StatusCode, body: impl IntoResponse) -> Response {
    let no_store = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (PRAGMA, HeaderValue::from_static("no-cache")),
    ];
    (status, no_store, body).into_response()
}
