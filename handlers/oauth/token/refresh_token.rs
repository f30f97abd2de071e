//! `grant_type=refresh_token` (RFC 6749 section 6, OAuth 2.1 section 4.3).

use axum::response::Response;

use super::{named_door, required, tokens};
use crate::grants::{Refresh, SecretKind};
use crate::oauth::clients::Client;
use crate::oauth::{AuthorizationServer, OAuthError, Parameters};

/// Rotates a refresh token. Resource and scope can be named again, and
/// narrowed, but never widened.
pub(super) async fn rotate(
    server: &AuthorizationServer,
    client: &Client,
    parameters: &Parameters,
) -> Result<Response, OAuthError> {
    let token = required(parameters, "refresh_token")?;
    let scope = parameters.get("scope");
    let issued = server
        .grants
        .refresh(&Refresh {
            kind: SecretKind::ClientRefreshToken,
            token: &token,
            client_id: &client.id,
            door: named_door(server, parameters)?,
            scope,
        })
        .await?;
    server.mark_granted(&client.id).await;
    Ok(tokens(server, client, &issued, scope))
}
