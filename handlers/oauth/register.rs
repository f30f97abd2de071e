//! `POST /register`: Dynamic Client Registration (RFC 7591).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::clients::{Clients, RegistrationError, RegistrationRequest};
use crate::address::ClientAddress;
use crate::error::chain;
use crate::json::NO_STORE;

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
        Err((status, what)) => return failure(status, "invalid_client_metadata", &what),
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
fn read(body: Result<Bytes, BytesRejection>) -> Result<RegistrationRequest, (StatusCode, String)> {
    let body = body.map_err(|rejection| {
        let what = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            "the body is larger than 64 KiB"
        } else {
            "the body could not be read"
        };
        (rejection.status(), what.to_owned())
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        let what = format!("the body is not client metadata as JSON: {error}");
        (StatusCode::BAD_REQUEST, what)
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
    (status, NO_STORE, body).into_response()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::{DefaultBodyLimit, FromRef};
    use axum::routing::post;
    use entrada_ambient::{ManualClock, SystemRandom};
    use entrada_tables::{EmbeddedTables, Tables};
    use http::header::CACHE_CONTROL;
    use http::{HeaderMap, HeaderName, Request};
    use serde_json::Value;
    use tempfile::TempDir;
    use time::OffsetDateTime;
    use tower::ServiceExt;

    use super::*;
    use crate::address::AddressSource;
    use crate::config::BaseUrl;
    use crate::oauth::clients::testing::SixtyEach;
    use crate::oauth::clients::{
        AddressPolicy, ClientSources, ConfiguredClients, RedirectRules, SystemLookup, TABLE,
    };

    #[derive(Clone)]
    struct Server(Arc<Clients>);

    impl FromRef<Server> for Arc<Clients> {
        fn from_ref(server: &Server) -> Self {
            server.0.clone()
        }
    }

    impl FromRef<Server> for AddressSource {
        fn from_ref(_: &Server) -> Self {
            Self::Header(HeaderName::from_static("client-ip"))
        }
    }

    async fn router(with_table: bool) -> (Router, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(OffsetDateTime::UNIX_EPOCH));
        let tables = EmbeddedTables::open(folder.path().join("tables"), clock.clone()).unwrap();
        if with_table {
            tables.create_table(TABLE).await.unwrap();
        }
        let sources = ClientSources {
            configured: ConfiguredClients::default(),
            redirects: RedirectRules::new([]),
            addresses: AddressPolicy::PublicOnly,
            lookup: Arc::new(SystemLookup),
            base: BaseUrl::parse("https://entrada.example").unwrap(),
            limiter: Arc::new(SixtyEach::default()),
        };
        let clients = Clients::new(sources, Arc::new(tables), clock, Arc::new(SystemRandom));
        let router = Router::new()
            .route("/register", post(register))
            .layer(DefaultBodyLimit::max(64 * 1024))
            .with_state(Server(Arc::new(clients)));
        (router, folder)
    }

    async fn send(router: &Router, body: impl Into<Body>) -> (StatusCode, HeaderMap, Value) {
        let request = Request::post("/register")
            .header("content-type", "application/json")
            .header("client-ip", "203.0.113.9:4711")
            .body(body.into())
            .unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let json = serde_json::from_slice(&body).unwrap();
        (parts.status, parts.headers, json)
    }

    const BODY: &str = r#"{"redirect_uris": ["http://localhost:1/cb"], "client_name": "One"}"#;

    #[tokio::test]
    async fn a_registration_is_answered_as_the_standard_says() {
        let (router, _folder) = router(true).await;
        let (status, headers, body) = send(&router, BODY).await;
        assert_eq!(status, StatusCode::CREATED);
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        let mut names: Vec<_> = body.as_object().unwrap().keys().collect();
        names.sort();
        assert_eq!(
            names,
            [
                "client_id",
                "client_id_issued_at",
                "client_name",
                "grant_types",
                "redirect_uris",
                "response_types",
                "scope",
                "token_endpoint_auth_method",
            ]
        );
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_as_an_oauth_error() {
        let (router, _folder) = router(true).await;
        let large = format!(r#"{{"redirect_uris": ["{}"]}}"#, "x".repeat(64 * 1024));
        for (body, status, code) in [
            ("", 400, "invalid_client_metadata"),
            ("{", 400, "invalid_client_metadata"),
            ("[]", 400, "invalid_client_metadata"),
            (r#"{"redirect_uris": "x"}"#, 400, "invalid_client_metadata"),
            (r#"{"redirect_uris": [7]}"#, 400, "invalid_client_metadata"),
            ("{}", 400, "invalid_redirect_uri"),
            (r#"{"redirect_uris": ["x:y"]}"#, 400, "invalid_redirect_uri"),
            (
                r#"{"software_statement": "eyJ"}"#,
                400,
                "unapproved_software_statement",
            ),
            (large.as_str(), 413, "invalid_client_metadata"),
        ] {
            let (found, headers, answer) = send(&router, body.to_owned()).await;
            assert_eq!(found, status, "{answer}");
            assert_eq!(answer["error"], code, "{answer}");
            assert!(answer["error_description"].as_str().unwrap().len() > 10);
            assert_eq!(headers[CACHE_CONTROL], "no-store");
        }
    }

    #[tokio::test]
    async fn too_many_and_storage_that_is_away_say_when_to_come_back() {
        let (router, _folder) = router(false).await;
        let (status, headers, answer) = send(&router, BODY).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
        assert_eq!(headers[RETRY_AFTER], "5");
        let mut last = (status, headers, answer);
        for _ in 0..60 {
            last = send(&router, "{}").await;
        }
        assert_eq!(last.0, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(last.1[RETRY_AFTER], "2");
        assert_eq!(last.2["error"], "temporarily_unavailable");
    }
}
