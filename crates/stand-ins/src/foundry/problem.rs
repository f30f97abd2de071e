use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal: `{"error": {"code", "message", "param", "type"}}`, the form that
/// Azure and the `OpenAI` API share. Codes and messages beyond those in the
/// documentation are inferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    param: Option<String>,
    challenge: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            param: None,
            challenge: None,
        }
    }

    /// 400.
    pub(super) fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 400 about one parameter.
    pub(super) fn parameter(code: &'static str, param: &str, what: &str) -> Self {
        Self {
            param: Some(param.to_owned()),
            ..Self::invalid(code, format!("{what}: '{param}'."))
        }
    }

    /// 404.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 401, with the reason for people.
    pub(super) fn unauthorized(message: &str) -> Self {
        Self {
            challenge: Some("Bearer".to_owned()),
            ..Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
        }
    }

    /// 401 with a claims challenge (Microsoft: "Claims challenges, claims
    /// requests, and client capabilities"). `claims` is base64.
    pub(super) fn claims_challenge(authority: &str, claims: &str) -> Self {
        Self {
            challenge: Some(format!(
                "Bearer realm=\"\", authorization_uri=\"{authority}/common/oauth2/v2.0/authorize\", \
                 error=\"insufficient_claims\", claims=\"{claims}\""
            )),
            ..Self::unauthorized("The token does not meet the claims that are required.")
        }
    }

    /// 403 for the lack of a data action.
    pub(super) fn forbidden(principal: &str, action: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "PermissionDenied",
            format!(
                "The principal `{principal}` lacks the required data action `{action}` to perform \
                 this operation."
            ),
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({"error": {
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "type": if self.status.is_server_error() { "server_error" } else { "invalid_request_error" },
        }});
        let mut response = (self.status, Json(body)).into_response();
        let challenge = self
            .challenge
            .and_then(|text| HeaderValue::try_from(text).ok());
        if let Some(challenge) = challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
