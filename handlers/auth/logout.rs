//! `POST /auth/logout`: ends the whole grant.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest as _, Request, State};
use http::{StatusCode, header};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::tokens::{FRONT_END_CLIENT, grant_error};
use crate::error::ApiError;
use crate::grants::{Grants, SecretCode, SecretKind};
use crate::identity::{Door, Gate};
use crate::json::{JsonFault, refuse_bytes};

/// The body of `/auth/logout`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogoutRequest {
    /// The refresh token of `/auth/exchange` or of the last refresh.
    #[schemars(with = "String")]
    refresh_token: SecretString,
}

/// Ends the grant of the bearer token, or of `{"refresh_token"}`: its tokens
/// are refused here at once and on every instance within ten seconds while
/// storage answers (at worst sixty).
///
/// # Errors
/// 401 for a bearer token that is not good, 400 for a body that is not the
/// documented one, or neither.
pub async fn logout(
    State(grants): State<Arc<Grants>>,
    State(gate): State<Arc<Gate>>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        let (parts, _) = request.into_parts();
        let principal = match gate.identify(Door::Api, &parts.headers).await {
            Ok(principal) => principal,
            Err(refusal) => {
                let address = gate.address(&parts.headers, &parts.extensions);
                return Err(gate.refuse(Door::Api, &refusal, address).await);
            }
        };
        let grant_id = principal.grant_id().ok_or_else(|| {
            ApiError::bad_request(
                "NOT_OUR_TOKEN",
                "This is Microsoft Entra's own token: sign out there. Entrada keeps no sign-in for it.",
            )
        })?;
        grants
            .end_by_id(&principal.partition(), grant_id)
            .await
            .map_err(grant_error)?;
        return Ok(StatusCode::NO_CONTENT);
    }
    let request = read(Bytes::from_request(request, &()).await)?;
    let invalid = || {
        ApiError::bad_request(
            "INVALID_GRANT",
            "The refresh token is not one of /auth/exchange.",
        )
    };
    let token =
        SecretCode::parse(SecretKind::RefreshToken, &request.refresh_token).ok_or_else(invalid)?;
    grants
        .end_by_token(&token, FRONT_END_CLIENT)
        .await
        .map_err(grant_error)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The body, of whatever content type: a page that is being closed sends none.
fn read(body: Result<Bytes, BytesRejection>) -> Result<LogoutRequest, ApiError> {
    let body = body.map_err(|rejection| refuse_bytes(&rejection))?;
    serde_json::from_slice(&body).map_err(|error| {
        ApiError::bad_request(
            "INVALID_BODY",
            "Send a bearer token, or {\"refresh_token\": …} as JSON.",
        )
        .with_log(JsonFault::from(error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_the_wrong_place_is_in_no_log() {
        for body in [r#""ert.secret""#, r#"{"ert.secret": 1}"#] {
            let refused = read(Ok(Bytes::from(body))).unwrap_err();
            assert_eq!(refused.code(), "INVALID_BODY");
            let log = refused.log().unwrap();
            assert!(!log.contains("secret"), "{log}");
        }
    }
}
