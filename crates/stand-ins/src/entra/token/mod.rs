//! `POST /{tenant}/oauth2/v2.0/token`.

mod answer;
mod application;
mod assertion;
mod client;
mod code;
mod on_behalf_of;
mod refresh;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{OriginalUri, Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::Entra;
use super::authority::Authority;
use super::claims::Credential;
use super::error::{EntraError, OAuthError};
use super::exchange::Exchange;
use super::parameters::Parameters;
use super::refusal;
use crate::directory::Application;

pub(super) use answer::client_info;
pub(super) use client::find as find_client;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// One token request of a client that has proved who it is.
struct TokenExchange<'a> {
    entra: &'a Entra,
    authority: Authority,
    parameters: &'a Parameters,
    client: &'static Application,
    credential: Credential,
}

/// The token endpoint: dispatches on `grant_type` and words every answer and
/// refusal as Entra does.
pub(crate) async fn token(
    State(entra): State<Arc<Entra>>,
    Path(tenant): Path<String>,
    OriginalUri(uri): OriginalUri,
    exchange: Exchange,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let endpoint = format!("{}{}", exchange.origin, uri.path());
    let answer = if method == Method::POST {
        answer(&entra, &tenant, &endpoint, &headers, &body)
    } else {
        Err(EntraError::new(
            900_561,
            OAuthError::InvalidRequest,
            format!("The endpoint only accepts POST requests. Received a {method} request."),
        ))
    };
    let answer = match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => {
            tracing::debug!(code = error.code(), "a token request was refused");
            (error.status(), Json(error.body(&exchange.trace))).into_response()
        }
    };
    let request_id = exchange.trace.request_id.to_string();
    (
        [
            (CACHE_CONTROL.as_str(), "no-store, no-cache"),
            (PRAGMA.as_str(), "no-cache"),
            ("x-ms-request-id", &request_id),
        ],
        answer,
    )
        .into_response()
}

fn answer(
    entra: &Entra,
    tenant: &str,
    endpoint: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, EntraError> {
    let authority = Authority::parse(tenant)?;
    let is_form = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    // Anything but a form has no parameters, as far as Entra sees.
    let parameters = Parameters::parse(if is_form { body } else { b"" })?;
    let grant_type = parameters.required("grant_type")?;
    let (client, credential) =
        client::authenticate(entra, authority, endpoint, headers, &parameters)?;
    let exchange = TokenExchange {
        entra,
        authority,
        parameters: &parameters,
        client,
        credential,
    };
    match grant_type {
        "authorization_code" => exchange.authorization_code(),
        "refresh_token" => exchange.refresh_token(),
        "client_credentials" => exchange.client_credentials(),
        JWT_BEARER => exchange.on_behalf_of(),
        other => Err(EntraError::new(
            70003,
            OAuthError::UnsupportedGrantType,
            format!("The app requested an unsupported grant type '{other}'."),
        )),
    }
}

impl TokenExchange<'_> {
    /// Grants for a person need an endpoint whose accounts the client takes.
    fn refuse_foreign_endpoint(&self) -> Result<(), EntraError> {
        match self.authority {
            Authority::Tenant(_) => Ok(()),
            Authority::Consumers => Err(refusal::no_personal_accounts(self.client)),
            Authority::Organizations | Authority::Common if self.client.multi_tenant => Ok(()),
            Authority::Organizations | Authority::Common => {
                Err(refusal::not_multi_tenant(self.client))
            }
        }
    }
}
