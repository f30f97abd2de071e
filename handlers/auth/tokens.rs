//! What the routes of `/auth` share: the answer with tokens, and errors.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use entrada_entra::EntraError;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;
use uuid::Uuid;

use super::flow::FlowError;
use super::sign_ins::BeginError;
use crate::error::{ApiError, chain};
use crate::grants::{GrantError, IssuedTokens};
use crate::identity::{Authenticator, Challenge, Door};
use crate::json::NO_STORE;

/// The client id of grants that `/auth/exchange` makes.
pub const FRONT_END_CLIENT: &str = "entrada";

/// The scope of tokens that `/auth/exchange` gives.
pub(super) const SCOPE: &str = "api mcp";

/// Who the tokens are of.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TokenUser {
    /// Entra's object id.
    id: Uuid,
    /// Entra's tenant id.
    tenant_id: Uuid,
    /// For display.
    name: Option<String>,
    /// For display.
    email: Option<String>,
    /// The app roles that count here.
    roles: Vec<String>,
}

/// Tokens, and whose they are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenAnswer<'a> {
    /// Opens `/api` and `/mcp`, as a bearer token.
    access_token: &'a str,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token expires.
    expires_in: i64,
    /// When that is, epoch seconds.
    expires_at: i64,
    /// For `/auth/refresh`, once.
    refresh_token: &'a str,
    /// What the access token is good for, separated by spaces.
    scope: &'a str,
    user: TokenUser,
}

/// 200 with tokens, never cached (RFC 6749 section 5.1). Of the roles that
/// Entra gave, `authenticator` says which count.
pub(super) fn answer(issued: &IssuedTokens, authenticator: &Authenticator, now: i64) -> Response {
    let grant = &issued.grant;
    let body = TokenAnswer {
        access_token: issued.access_token.expose_secret(),
        token_type: "Bearer",
        expires_in: (issued.expires_at - now).max(0),
        expires_at: issued.expires_at,
        refresh_token: issued.refresh_token.expose_secret(),
        scope: &grant.scope,
        user: TokenUser {
            id: grant.object_id,
            tenant_id: grant.tenant_id,
            name: grant.name.clone(),
            email: grant.email.clone(),
            roles: authenticator.effective_roles(grant.tenant_id, &grant.roles),
        },
    };
    (StatusCode::OK, NO_STORE, Json(body)).into_response()
}

/// How long to wait before asking again when nobody said.
const RETRY: Duration = Duration::from_secs(5);

/// What the caller is told when a sign-in cannot begin.
pub(crate) fn begin_error(error: &BeginError) -> ApiError {
    match error {
        BeginError::Entra(error) => upstream_error(error),
        BeginError::Flow(error) => flow_error(error),
    }
}

/// What the caller is told when Entra did not do what we asked.
pub(crate) fn upstream_error(error: &EntraError) -> ApiError {
    let log = chain(error);
    if let Some((code, detail)) = credential_trouble(error) {
        return ApiError::unavailable(code, detail, CREDENTIAL_RETRY).with_log(log);
    }
    if error.is_unavailable() {
        let wait = match error {
            EntraError::Unavailable { retry_after, .. } => retry_after.unwrap_or(RETRY),
            _ => RETRY,
        };
        return ApiError::unavailable(
            "ENTRA_UNAVAILABLE",
            "Microsoft Entra ID does not answer right now. Try again shortly.",
            wait,
        )
        .with_log(log);
    }
    let remedy = error
        .rejection()
        .and_then(|rejection| rejection.aadsts)
        .map_or_else(String::new, |aadsts| format!(" {}", aadsts.remedy));
    match error {
        EntraError::InvalidGrant { .. }
        | EntraError::InteractionRequired { .. }
        | EntraError::ConsentRequired { .. } => not_signed_in(
            "SIGN_IN_REQUIRED",
            format!("Microsoft Entra ID wants you to sign in again.{remedy}"),
        ),
        EntraError::AccessToken(inner) => not_signed_in(
            "SIGN_IN_REFUSED",
            format!(
                "This account cannot be used here: {}.",
                inner.description().trim_end_matches('.')
            ),
        ),
        EntraError::IdToken(_) | EntraError::SubjectMismatch => not_signed_in(
            "SIGN_IN_REFUSED",
            "Microsoft Entra ID's answer could not be verified. Begin the sign-in again.",
        ),
        _ => ApiError::new(
            StatusCode::BAD_GATEWAY,
            "ENTRA_REFUSED",
            format!("Microsoft Entra ID refused what this server asked of it.{remedy}"),
        ),
    }
    .with_log(log)
}

/// 401 with the challenge that belongs to it (RFC 9110 section 11.6.1).
fn not_signed_in(code: &'static str, detail: impl Into<Cow<'static, str>>) -> ApiError {
    let detail = detail.into();
    let challenge = Challenge::new()
        .with("scope", Door::Api.scope())
        .with("error", "invalid_token")
        .with("error_description", &detail);
    ApiError::new(StatusCode::UNAUTHORIZED, code, detail)
        .with_header(WWW_AUTHENTICATE, challenge.header())
}

/// How long to wait for a credential: role assignments and federated
/// credentials count after minutes, not seconds.
const CREDENTIAL_RETRY: Duration = Duration::from_secs(15);

/// What is missing when our own credential does not serve: a code and words
/// for the caller.
pub(crate) fn credential_trouble(error: &EntraError) -> Option<(&'static str, String)> {
    match error {
        EntraError::CredentialUnavailable(_) => Some((
            "CREDENTIAL_UNAVAILABLE",
            "This server's own credential for Microsoft Entra ID cannot be had right now: the \
             managed identity or the key vault does not answer, or does not know it yet."
                .to_owned(),
        )),
        EntraError::CredentialRefused { rejection } => {
            let number = rejection.code.map(|code| format!(" (AADSTS{code})"));
            let remedy = rejection.aadsts.map_or("", |aadsts| aadsts.remedy);
            Some((
                "FEDERATED_CREDENTIAL_MISSING",
                format!(
                    "Microsoft Entra ID does not accept this server's managed identity \
                     yet{}. {remedy}",
                    number.unwrap_or_default()
                ),
            ))
        }
        _ => None,
    }
}

/// What the caller is told when a flow cannot be kept or taken.
pub(crate) fn flow_error(error: &FlowError) -> ApiError {
    match error {
        FlowError::Unknown => ApiError::bad_request(
            "SIGN_IN_EXPIRED",
            "This sign-in is not under way any more: it took longer than ten minutes, was \
             finished already, or began in another browser.",
        ),
        FlowError::Storage(_) => unavailable(chain(error)),
        FlowError::NoKeys(missing) => (*missing).into(),
        FlowError::Seal(_) | FlowError::Format(_) => ApiError::internal(chain(error)),
    }
}

/// What the caller is told when a grant does not give what was asked.
pub(crate) fn grant_error(error: GrantError) -> ApiError {
    let log = chain(&error);
    match error {
        GrantError::Invalid(_) => ApiError::bad_request(
            "INVALID_GRANT",
            "The code or refresh token is not valid: it was used, has expired, or belongs to \
             another client or sign-in. Sign in again at /auth/login.",
        ),
        GrantError::Audience | GrantError::Scope => ApiError::bad_request(
            "INVALID_GRANT",
            "The refresh token was granted for less than is asked for.",
        ),
        GrantError::Interaction => ApiError::bad_request(
            "INVALID_GRANT",
            "Microsoft Entra ID wants you to sign in again. Begin at /auth/login.",
        ),
        GrantError::Upstream(error) => return upstream_error(&error),
        GrantError::Storage(error) => return error.into(),
        GrantError::NoKeys(missing) => return missing.into(),
        GrantError::Contended => return unavailable(log),
        GrantError::Keys(_) | GrantError::Seal(_) => return ApiError::internal(log),
    }
    .with_log(log)
}

fn unavailable(log: String) -> ApiError {
    ApiError::unavailable(
        "TEMPORARILY_UNAVAILABLE",
        "Something that signing in needs does not answer right now. Try again shortly.",
        RETRY,
    )
    .with_log(log)
}
