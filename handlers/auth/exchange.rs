//! `POST /auth/exchange`: the one-time code for tokens.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use entrada_ambient::Clock;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::tokens::{FRONT_END_CLIENT, answer, grant_error};
use crate::error::ApiError;
use crate::grants::{Grants, Redemption, SecretKind};
use crate::identity::Authenticator;
use crate::json::JsonBody;

/// The body of `/auth/exchange`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeRequest {
    /// The code that `/auth/callback` gave.
    #[schemars(with = "String")]
    auth_code: SecretString,
    /// The PKCE verifier; required when the sign-in began with a challenge.
    code_verifier: Option<String>,
}

/// Redeems a one-time code: once, across all instances.
///
/// # Errors
/// 400 `INVALID_GRANT` when the code is not good (any more).
pub async fn exchange(
    State(grants): State<Arc<Grants>>,
    State(authenticator): State<Arc<Authenticator>>,
    State(clock): State<Arc<dyn Clock>>,
    JsonBody(request): JsonBody<ExchangeRequest>,
) -> Result<Response, ApiError> {
    let issued = grants
        .redeem(&Redemption {
            kind: SecretKind::AuthCode,
            code: &request.auth_code,
            client_id: FRONT_END_CLIENT,
            code_verifier: request.code_verifier.as_deref(),
            redirect_uri: None,
            door: None,
        })
        .await
        .map_err(grant_error)?;
    Ok(answer(&issued, &authenticator, clock.unix()))
}
