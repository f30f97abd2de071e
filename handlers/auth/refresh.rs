//! `POST /auth/refresh`: a new access token and the next refresh token.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use entrada_ambient::Clock;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::tokens::{FRONT_END_CLIENT, answer, grant_error};
use crate::error::ApiError;
use crate::grants::{Grants, Refresh, SecretKind};
use crate::identity::Authenticator;
use crate::json::JsonBody;

/// The body of `/auth/refresh`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The refresh token of `/auth/exchange` or of the last refresh.
    #[schemars(with = "String")]
    refresh_token: SecretString,
}

/// Rotates a refresh token. The one presented stays good for one repetition
/// while its successor has not been used: an answer can get lost.
///
/// # Errors
/// 400 `INVALID_GRANT` when the token is not good (any more), 503 while
/// Entra or storage does not answer.
pub async fn refresh(
    State(grants): State<Arc<Grants>>,
    State(authenticator): State<Arc<Authenticator>>,
    State(clock): State<Arc<dyn Clock>>,
    JsonBody(request): JsonBody<RefreshRequest>,
) -> Result<Response, ApiError> {
    let issued = grants
        .refresh(&Refresh {
            kind: SecretKind::RefreshToken,
            token: &request.refresh_token,
            client_id: FRONT_END_CLIENT,
            door: None,
            scope: None,
        })
        .await
        .map_err(grant_error)?;
    Ok(answer(&issued, &authenticator, clock.unix()))
}
