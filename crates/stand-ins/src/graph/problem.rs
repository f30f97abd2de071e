use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

/// When something went wrong, and in which request.
pub(super) struct Occasion {
    pub(super) date: OffsetDateTime,
    pub(super) request_id: Uuid,
}

/// A refusal (Microsoft Learn, "Microsoft Graph error responses and resource
/// types"): `{"error": {"code", "message", "innerError": {"date",
/// "request-id", "client-request-id"}}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    challenge: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            challenge: None,
        }
    }

    /// 401 `InvalidAuthenticationToken`. The messages are those of public
    /// reports.
    pub(super) fn invalid_token(authority: &str, message: &str) -> Self {
        Self {
            challenge: Some(challenge(authority)),
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                "InvalidAuthenticationToken",
                message,
            )
        }
    }

    /// 401 with a claims challenge (Microsoft Learn, "Claims challenges,
    /// claims requests, and client capabilities"). `claims` is base64.
    pub(super) fn claims_challenge(authority: &str, claims: &str) -> Self {
        Self {
            challenge: Some(format!(
                "{}, error=\"insufficient_claims\", claims=\"{claims}\"",
                challenge(authority)
            )),
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                "InvalidAuthenticationToken",
                "Continuous access evaluation resulted in challenge with result: InteractionRequired \
                 and code: TokenIssuedBeforeRevocationTimestamp",
            )
        }
    }

    /// 403 for the lack of a permission.
    pub(super) fn denied() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    pub(super) fn answer(&self, occasion: &Occasion) -> Response {
        let form = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
        let request_id = occasion.request_id.to_string();
        let body = json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": occasion.date.format(form).unwrap_or_default(),
                "request-id": request_id,
                "client-request-id": request_id,
            },
        }});
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::try_from(request_id) {
            headers.insert("request-id", id);
        }
        let challenge = self.challenge.as_deref();
        if let Some(Ok(challenge)) = challenge.map(HeaderValue::try_from) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn challenge(authority: &str) -> String {
    format!(
        "Bearer realm=\"\", authorization_uri=\"{authority}/common/oauth2/authorize\", \
         client_id=\"00000003-0000-0000-c000-000000000000\""
    )
}
