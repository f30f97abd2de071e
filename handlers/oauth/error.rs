//! Errors of the OAuth routes that programs call: RFC 6749 section 5.2.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use entrada_tables::TableError;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::clients::ClientError;
use crate::auth::credential_trouble;
use crate::error::chain;
use crate::grants::GrantError;
use crate::json::NO_STORE;

/// How long to wait before asking again when nobody said.
const RETRY: Duration = Duration::from_secs(5);

/// An error of `/token` or `/revoke`:
/// `{"error": …, "error_description": …}`, never kept by anybody.
#[derive(Debug)]
pub struct OAuthError {
    status: StatusCode,
    code: &'static str,
    description: Cow<'static, str>,
    log: Option<String>,
    challenge: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'static str,
    error_description: &'a str,
}

impl OAuthError {
    fn new(
        status: StatusCode,
        code: &'static str,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            description: description.into(),
            log: None,
            challenge: false,
        }
    }

    /// 400 with a code of RFC 6749 section 5.2 or RFC 8707 section 2.
    pub fn bad_request(code: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, description)
    }

    /// 400 `invalid_request`.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::bad_request("invalid_request", description)
    }

    /// 400 `invalid_target`: a resource that is not here, or not the grant's.
    #[must_use]
    pub fn invalid_target() -> Self {
        Self::bad_request(
            "invalid_target",
            "the resource is none of this server's, or not the one that was granted",
        )
    }

    /// 401 `invalid_client`. Clients that registered themselves and get this
    /// register again.
    pub fn invalid_client(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_client", description)
    }

    /// 503 `temporarily_unavailable`.
    pub fn unavailable(log: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            "something that this needs does not answer right now; try again shortly",
        )
        .with_log(log)
    }

    /// Names what is missing, for whoever looks after the server.
    #[must_use]
    pub fn because(mut self, code: &'static str, what: &str) -> Self {
        self.description = format!("{code}: {what}").into();
        self
    }

    fn server_error(log: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "something went wrong on our side",
        )
        .with_log(log)
    }

    /// Adds what the log should say.
    #[must_use]
    pub fn with_log(mut self, log: impl Into<String>) -> Self {
        self.log = Some(log.into());
        self
    }

    /// With another status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With a `Basic` challenge, for a client that used that scheme (RFC
    /// 6749 section 5.2).
    #[must_use]
    pub fn with_basic_challenge(mut self, used_basic: bool) -> Self {
        self.challenge = used_basic;
        self
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let log = self.log.as_deref().unwrap_or_default();
        if self.status.is_server_error() {
            tracing::error!(code = self.code, log, "an OAuth request failed");
        } else {
            tracing::info!(
                code = self.code,
                log,
                description = %self.description,
                "an OAuth request was refused"
            );
        }
        let body = Body {
            error: self.code,
            error_description: &self.description,
        };
        let mut response = (self.status, NO_STORE, Json(body)).into_response();
        let headers = response.headers_mut();
        if self.challenge && self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"entrada\", charset=\"UTF-8\""),
            );
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY.as_secs()));
        }
        response
    }
}

impl From<GrantError> for OAuthError {
    fn from(error: GrantError) -> Self {
        let log = chain(&error);
        if let GrantError::Upstream(upstream) = &error
            && let Some((code, what)) = credential_trouble(upstream)
        {
            return Self::unavailable(log).because(code, &what);
        }
        match error {
            GrantError::Invalid(_) => Self::bad_request(
                "invalid_grant",
                "the code or refresh token is not valid: it was used, has expired, or is of \
                 another client or sign-in",
            )
            .with_log(log),
            GrantError::Interaction => Self::bad_request(
                "invalid_grant",
                "Microsoft Entra ID wants the person to sign in again",
            )
            .with_log(log),
            GrantError::Audience => Self::invalid_target(),
            GrantError::Scope => Self::bad_request(
                "invalid_scope",
                "the scope goes beyond what was granted; start a new authorization for more",
            ),
            GrantError::NoKeys(missing) => {
                Self::unavailable(log).because(missing.0.code(), missing.0.detail())
            }
            GrantError::Upstream(error) if !error.is_unavailable() => Self::server_error(log),
            GrantError::Upstream(_) | GrantError::Storage(_) | GrantError::Contended => {
                Self::unavailable(log)
            }
            GrantError::Keys(_) | GrantError::Seal(_) => Self::server_error(log),
        }
    }
}

impl From<TableError> for OAuthError {
    fn from(error: TableError) -> Self {
        Self::unavailable(chain(&error))
    }
}

impl From<ClientError> for OAuthError {
    fn from(error: ClientError) -> Self {
        let log = chain(&error);
        match error {
            ClientError::Unknown => {
                Self::invalid_client("there is no client of this id (any more); register again")
            }
            ClientError::Refused { .. } => {
                Self::invalid_client("the client's metadata document cannot be accepted")
            }
            ClientError::Unavailable { .. } => return Self::unavailable(log),
        }
        .with_log(log)
    }
}
