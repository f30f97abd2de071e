//! `grant_type=client_credentials` (RFC 6749 section 4.4): daemons that an
//! administrator configured, in their own name. No refresh token, and nobody
//! to act on behalf of.

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::Response;
use secrecy::ExposeSecret;
use uuid::{Builder, Uuid};

use super::{TokenAnswer, answer};
use crate::grants::NewDaemonToken;
use crate::identity::Audience;
use crate::oauth::clients::{Client, ClientAuthentication, ClientOrigin};
use crate::oauth::{AuthorizationServer, OAuthError, Parameters, Resource};

/// How long a daemon's token lives, in seconds.
const LIFETIME: i64 = 3600;

/// A token for a daemon: with the tenant and roles of its configuration.
pub(super) async fn issue(
    server: &AuthorizationServer,
    client: &Client,
    parameters: &Parameters,
) -> Result<Response, OAuthError> {
    let unauthorized = || {
        OAuthError::bad_request(
            "unauthorized_client",
            "only configured daemons with a key of their own get tokens in their own name",
        )
    };
    let terms = client
        .daemon
        .as_ref()
        .filter(|_| client.origin == ClientOrigin::Configured)
        .filter(|_| {
            matches!(
                client.authentication,
                ClientAuthentication::PrivateKeyJwt { .. }
            )
        })
        .ok_or_else(unauthorized)?;
    let resource = Resource::parse(&server.base, parameters.get("resource"))
        .ok_or_else(OAuthError::invalid_target)?;
    let scope = server
        .scopes
        .grant(parameters.get("scope"))
        .map_err(|error| OAuthError::bad_request("invalid_scope", error.to_string()))?;
    let issued = server
        .grants
        .open_for_daemon(NewDaemonToken {
            tenant_id: terms.tenant_id,
            object_id: object_id(&client.id),
            client_id: client.id.clone(),
            client_name: client.name.clone(),
            roles: terms.roles.clone(),
            audience: Audience::only(resource.door()),
            scope: scope.granted,
            lifetime: LIFETIME,
        })
        .await?;
    Ok(answer(&TokenAnswer {
        access_token: issued.access_token.expose_secret(),
        token_type: "Bearer",
        expires_in: (issued.expires_at - server.clock.unix()).max(0),
        refresh_token: None,
        scope: &scope.asked,
    }))
}

/// What stands for a daemon as a subject, the same each time: a UUID of
/// version 8 (RFC 9562 section 5.8), which no object of Entra's has.
fn object_id(client_id: &str) -> Uuid {
    let hash = digest(&SHA256, format!("entrada daemon {client_id}").as_bytes());
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(hash.as_ref()) {
        *byte = *from;
    }
    Builder::from_custom_bytes(bytes).into_uuid()
}
