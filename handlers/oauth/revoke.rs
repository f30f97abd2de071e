//! `POST /revoke` (RFC 7009).

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;

use super::authentication::authenticate;
use super::clients::Client;
use super::{AuthorizationServer, OAuthError, OAuthForm};
use crate::grants::{GrantError, SecretCode, SecretKind};
use crate::identity::OwnTokenError;

/// Ends the grant of a refresh or access token of the client. A token that
/// is not known, has ended or is another client's changes nothing and is
/// answered the same (section 2.2).
///
/// # Errors
/// 401 for a client that is not proven, 400 without a token, 503 while
/// storage does not answer or the key of the token cannot be had.
pub async fn revoke(
    State(server): State<Arc<AuthorizationServer>>,
    headers: HeaderMap,
    OAuthForm(parameters): OAuthForm,
) -> Result<StatusCode, OAuthError> {
    let client = authenticate(&server, &headers, &parameters).await?;
    let token = parameters
        .get("token")
        .map(SecretString::from)
        .ok_or_else(|| OAuthError::invalid_request("token is missing"))?;
    match end(&server, &client, &token).await {
        Ok(()) | Err(GrantError::Invalid(_)) => Ok(StatusCode::OK),
        Err(error) => Err(error.into()),
    }
}

async fn end(
    server: &AuthorizationServer,
    client: &Client,
    token: &SecretString,
) -> Result<(), GrantError> {
    use secrecy::ExposeSecret as _;
    if let Some(token) = SecretCode::parse(SecretKind::ClientRefreshToken, token) {
        return server.grants.end_by_token(&token, &client.id).await;
    }
    match server.own.verify_or_look_again(token.expose_secret()).await {
        Ok(own) if own.client_id() == client.id => {
            server
                .grants
                .end_by_id(&own.partition(), own.grant_id())
                .await
        }
        // It may be a good one, and would go on as if it had not been revoked.
        Err(OwnTokenError::KeysUnavailable(missing)) => Err(missing.into()),
        _ => Ok(()),
    }
}
