//! Errors of the JSON API: one message for the caller, another for the log.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::identity::NoKeyRing;
use axum::response::{IntoResponse, Response};
use entrada_tables::TableError;
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::auth::step_up::StepUpLink;
use crate::downstream::Remedy;

/// An error of `/api` and `/auth`. It becomes
/// `{"detail", "code", "timestamp", "correlation_id"}`, and `step_up_url`
/// where there is one, in [`crate::context`], which knows the time and the
/// request.
///
/// There is no `Display`: the two messages have two readers and must not be
/// mixed up.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    log: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    remedy: Option<Box<Remedy>>,
}

impl ApiError {
    /// An error with this status, code (`UPPER_SNAKE`) and message for the
    /// caller.
    pub fn new(
        status: StatusCode,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            log: None,
            headers: Vec::new(),
            remedy: None,
        }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 404: there is no such thing, or it is not the caller's to see.
    pub fn not_found(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// 404: nothing is served at this path.
    #[must_use]
    pub fn no_such_route() -> Self {
        Self::not_found(
            "NOT_FOUND",
            "There is no such route. `GET /` lists where things are.",
        )
    }

    /// 503 with `Retry-After`: something that the answer needs is away. The
    /// detail names what it is.
    pub fn unavailable(
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
        retry_after: Duration,
    ) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).with_header(
            header::RETRY_AFTER,
            HeaderValue::from(retry_after.as_secs().max(1)),
        )
    }

    /// 500: a fault of ours. The caller learns nothing but that; `log` says
    /// the rest.
    pub fn internal(log: impl fmt::Display) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL_ERROR",
            "Something went wrong on our side. Quote the correlation id when you report it.",
        )
        .with_log(log)
    }

    /// Adds what the log should say; never shown to the caller.
    #[must_use]
    pub fn with_log(mut self, log: impl fmt::Display) -> Self {
        self.log = Some(log.to_string());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds what the caller can do about it.
    #[must_use]
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = Some(Box::new(remedy));
        self
    }

    /// What the caller can do about it, if somebody worked that out.
    #[must_use]
    pub fn remedy(&self) -> Option<&Remedy> {
        self.remedy.as_deref()
    }

    /// The link where the caller can do something about it, if there is one.
    #[must_use]
    pub fn step_up(&self) -> Option<&StepUpLink> {
        match self.remedy.as_deref()? {
            Remedy::StepUp(link) => Some(link),
            Remedy::Claims(_) | Remedy::SignIn => None,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The code, `UPPER_SNAKE`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What the caller is told.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The headers that the answer has by its status.
    pub(crate) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    /// What the log is told beside the detail.
    #[must_use]
    pub fn log(&self) -> Option<&str> {
        self.log.as_deref()
    }
}

/// What [`crate::context`] renders once it has the time and correlation id.
#[derive(Debug, Clone)]
pub(crate) struct PendingError {
    pub(crate) code: &'static str,
    pub(crate) detail: Cow<'static, str>,
    pub(crate) log: Option<String>,
    pub(crate) step_up: Option<StepUpLink>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let step_up = self.step_up().cloned();
        let mut response = self.status.into_response();
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        response.extensions_mut().insert(PendingError {
            code: self.code,
            detail: self.detail,
            log: self.log,
            step_up,
        });
        response
    }
}

/// What a panic said, for the log.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("of unknown kind")
}

/// An error and the errors behind it on one line, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl From<NoKeyRing> for ApiError {
    fn from(NoKeyRing(missing): NoKeyRing) -> Self {
        let detail = format!("This cannot be done right now: {}.", missing.detail());
        Self::unavailable(missing.code(), detail, Duration::from_secs(10))
    }
}

impl From<TableError> for ApiError {
    fn from(error: TableError) -> Self {
        Self::from(&error)
    }
}

impl From<&TableError> for ApiError {
    fn from(error: &TableError) -> Self {
        match error {
            TableError::Unavailable { .. } | TableError::Forbidden { .. } => Self::unavailable(
                "STORAGE_UNAVAILABLE",
                "Storage cannot be reached right now. Try again shortly.",
                Duration::from_secs(5),
            )
            .with_log(chain(error)),
            TableError::AlreadyExists | TableError::PreconditionFailed | TableError::NotFound => {
                Self::new(
                    StatusCode::CONFLICT,
                    "CONFLICT",
                    "Somebody else changed this at the same moment. Read it again and retry.",
                )
                .with_log(chain(error))
            }
            other => Self::internal(chain(other)),
        }
    }
}
