//! `grant_type=authorization_code` (RFC 6749 section 4.1.3, RFC 7636).

use axum::response::Response;

use super::{named_door, required, tokens};
use crate::grants::{Redemption, SecretKind};
use crate::oauth::clients::Client;
use crate::oauth::{AuthorizationServer, OAuthError, Parameters};

/// Redeems a code: once, with its verifier, for the resource and to the
/// client that it was made for.
pub(super) async fn redeem(
    server: &AuthorizationServer,
    client: &Client,
    parameters: &Parameters,
) -> Result<Response, OAuthError> {
    let code = required(parameters, "code")?;
    let verifier = parameters
        .get("code_verifier")
        .ok_or_else(|| OAuthError::invalid_request("code_verifier is missing"))?;
    let issued = server
        .grants
        .redeem(&Redemption {
            kind: SecretKind::AuthorizationCode,
            code: &code,
            client_id: &client.id,
            code_verifier: Some(verifier),
            redirect_uri: parameters.get("redirect_uri"),
            door: named_door(server, parameters)?,
        })
        .await?;
    server.mark_granted(&client.id).await;
    Ok(tokens(server, client, &issued, None))
}
