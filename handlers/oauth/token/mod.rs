//! `POST /token` (RFC 6749 section 3.2).

mod authorization_code;
mod client_credentials;
mod refresh_token;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::authentication::authenticate;
use super::clients::{Client, GrantType};
use super::{AuthorizationServer, OAuthError, OAuthForm, Parameters, Resource};
use crate::grants::IssuedTokens;
use crate::identity::Door;
use crate::json::NO_STORE;

/// What is answered (RFC 6749 section 5.1).
#[derive(Serialize)]
struct TokenAnswer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    scope: &'a str,
}

/// Gives tokens for a code, a refresh token, or (to daemons) for the
/// client's own credential.
///
/// # Errors
/// As RFC 6749 section 5.2 and RFC 8707 section 2 have them.
pub async fn token(
    State(server): State<Arc<AuthorizationServer>>,
    headers: HeaderMap,
    OAuthForm(parameters): OAuthForm,
) -> Result<Response, OAuthError> {
    let client = authenticate(&server, &headers, &parameters).await?;
    let grant_type = parameters
        .get("grant_type")
        .ok_or_else(|| OAuthError::invalid_request("grant_type is missing"))?;
    let unsupported = || {
        OAuthError::bad_request(
            "unsupported_grant_type",
            "the grant type is none that this server has",
        )
    };
    let grant_type = GrantType::parse(grant_type).ok_or_else(unsupported)?;
    if grant_type == GrantType::ClientCredentials && !server.daemons {
        return Err(unsupported());
    }
    if !client.grant_types.contains(&grant_type) {
        return Err(OAuthError::bad_request(
            "unauthorized_client",
            "the client did not register this grant type",
        ));
    }
    match grant_type {
        GrantType::AuthorizationCode => {
            authorization_code::redeem(&server, &client, &parameters).await
        }
        GrantType::RefreshToken => refresh_token::rotate(&server, &client, &parameters).await,
        GrantType::ClientCredentials => {
            client_credentials::issue(&server, &client, &parameters).await
        }
    }
}

/// The door of the resource that a token request names, if it names one.
fn named_door(
    server: &AuthorizationServer,
    parameters: &Parameters,
) -> Result<Option<Door>, OAuthError> {
    let Some(asked) = parameters.get("resource") else {
        return Ok(None);
    };
    Resource::parse(&server.base, Some(asked))
        .map(|resource| Some(resource.door()))
        .ok_or_else(OAuthError::invalid_target)
}

/// A secret parameter that must be there.
fn required(parameters: &Parameters, name: &'static str) -> Result<SecretString, OAuthError> {
    parameters
        .get(name)
        .map(SecretString::from)
        .ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))
}

fn answer(body: &TokenAnswer<'_>) -> Response {
    (NO_STORE, Json(body)).into_response()
}

/// Tokens of a grant, with the scope by the names that were asked for.
fn tokens(
    server: &AuthorizationServer,
    client: &Client,
    issued: &IssuedTokens,
    scope: Option<&str>,
) -> Response {
    let refreshes = client.grant_types.contains(&GrantType::RefreshToken);
    answer(&TokenAnswer {
        access_token: issued.access_token.expose_secret(),
        token_type: "Bearer",
        expires_in: (issued.expires_at - server.clock.unix()).max(0),
        refresh_token: refreshes.then(|| issued.refresh_token.expose_secret()),
        scope: scope.unwrap_or(&issued.grant.scope_asked),
    })
}
