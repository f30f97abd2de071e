use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A refusal, in the vault's shape: `{"error": {"code", "message",
/// "innererror": {"code"}}}`.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    inner: Option<&'static str>,
    message: String,
    challenge: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            inner: None,
            message: message.into(),
            challenge: None,
        }
    }

    pub(super) fn with_inner(
        status: StatusCode,
        code: &'static str,
        inner: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            inner: Some(inner),
            ..Self::new(status, code, message)
        }
    }

    pub(super) fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadParameter", message)
    }

    /// 401 with where to get a token.
    pub(super) fn challenge(message: &str, challenge: &str) -> Self {
        Self {
            challenge: Some(challenge.to_owned()),
            ..Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
        }
    }

    pub(super) fn not_found(name: &str, version: Option<&str>) -> Self {
        let version = version.map(|version| format!("/{version}"));
        Self::new(
            StatusCode::NOT_FOUND,
            "SecretNotFound",
            format!(
                "A secret with (name/id) {name}{} was not found in this key vault. If you recently \
                 deleted this secret you may be able to recover it using the correct recovery \
                 command. For help resolving this issue, please see \
                 https://go.microsoft.com/fwlink/?linkid=2125182",
                version.unwrap_or_default()
            ),
        )
    }

    pub(super) fn deleted_name(name: &str) -> Self {
        Self::with_inner(
            StatusCode::CONFLICT,
            "Conflict",
            "ObjectIsDeletedButRecoverable",
            format!(
                "Secret {name} is currently in a deleted but recoverable state, and its name \
                 cannot be reused; in this state, the secret can only be recovered or purged."
            ),
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message});
        if let (Some(inner), Some(members)) = (self.inner, error.as_object_mut()) {
            members.insert("innererror".to_owned(), json!({"code": inner}));
        }
        let mut response = (self.status, Json(json!({"error": error}))).into_response();
        if let Some(challenge) = self
            .challenge
            .and_then(|text| HeaderValue::from_str(&text).ok())
        {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
