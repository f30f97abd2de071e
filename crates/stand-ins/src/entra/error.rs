use axum::http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;
use uuid::Uuid;

/// The `error` values that Entra uses (RFC 6749 sections 4.1.2.1 and 5.2,
/// `OpenID` Connect Core section 3.1.2.6, and Entra's own).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OAuthError {
    AccessDenied,
    InteractionRequired,
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidResource,
    InvalidScope,
    InvalidTarget,
    LoginRequired,
    ServerError,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
}

impl OAuthError {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::InteractionRequired => "interaction_required",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidResource => "invalid_resource",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::LoginRequired => "login_required",
            Self::ServerError => "server_error",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
        }
    }
}

/// A refusal, as Entra words it (Microsoft Learn, "Microsoft Entra
/// authentication and authorization error codes").
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EntraError(Box<Refusal>);

#[derive(Debug, Clone, PartialEq)]
struct Refusal {
    code: u32,
    error: OAuthError,
    message: String,
    suberror: Option<&'static str>,
    claims: Option<Value>,
}

/// What identifies one request in an error.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) request_id: Uuid,
    pub(crate) correlation_id: Uuid,
    pub(crate) time: OffsetDateTime,
}

impl Trace {
    fn timestamp(&self) -> String {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
        self.time.format(&format).unwrap_or_default()
    }
}

impl EntraError {
    pub(crate) fn new(code: u32, error: OAuthError, message: impl Into<String>) -> Self {
        Self(Box::new(Refusal {
            code,
            error,
            message: message.into(),
            suberror: None,
            claims: None,
        }))
    }

    pub(crate) fn with_suberror(mut self, suberror: &'static str) -> Self {
        self.0.suberror = Some(suberror);
        self
    }

    /// The same with a claims challenge, which is a string of JSON on the
    /// wire.
    pub(crate) fn with_claims(mut self, claims: Value) -> Self {
        self.0.claims = Some(claims);
        self
    }

    /// The number after `AADSTS`.
    pub(crate) fn code(&self) -> u32 {
        self.0.code
    }

    pub(crate) fn error(&self) -> OAuthError {
        self.0.error
    }

    /// 401 for a client that cannot prove who it is, 500 for a fault of the
    /// service, 400 for all else.
    pub(crate) fn status(&self) -> StatusCode {
        match self.0.error {
            OAuthError::InvalidClient => StatusCode::UNAUTHORIZED,
            OAuthError::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The sentence for people, without the identifiers of the request.
    pub(crate) fn summary(&self) -> String {
        format!("AADSTS{}: {}", self.0.code, self.0.message)
    }

    /// The value of `error_description`.
    pub(crate) fn description(&self, trace: &Trace) -> String {
        format!(
            "{} Trace ID: {} Correlation ID: {} Timestamp: {}",
            self.summary(),
            trace.request_id,
            trace.correlation_id,
            trace.timestamp()
        )
    }

    /// The value of `error_uri`: where Microsoft explains the code to people.
    pub(crate) fn uri(&self) -> String {
        format!(
            "https://login.microsoftonline.com/error?code={}",
            self.0.code
        )
    }

    /// The JSON of the token endpoint.
    pub(crate) fn body(&self, trace: &Trace) -> Value {
        let mut body = json!({
            "error": self.0.error.as_str(),
            "error_description": self.description(trace),
            "error_codes": [self.0.code],
            "timestamp": trace.timestamp(),
            "trace_id": trace.request_id,
            "correlation_id": trace.correlation_id,
            "error_uri": self.uri(),
        });
        if let Some(members) = body.as_object_mut() {
            if let Some(suberror) = self.0.suberror {
                members.insert("suberror".to_owned(), json!(suberror));
            }
            if let Some(claims) = &self.0.claims {
                members.insert("claims".to_owned(), json!(claims.to_string()));
            }
        }
        body
    }
}
