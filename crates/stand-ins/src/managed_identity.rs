//! The endpoint at which App Service and Functions hand out tokens of a managed
//! identity, `GET /msi/token` (Microsoft Learn, "Use managed identities for App
//! Service and Azure Functions", REST endpoint reference): plain http, on an
//! address that the platform gives in `IDENTITY_ENDPOINT`, with the secret of
//! `IDENTITY_HEADER` in `x-identity-header`.
//!
//! The texts of refusals are inferred from public reports.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::directory::{IDENTITY_HEADER, MANAGED_IDENTITY_CLIENT_ID, MANAGED_IDENTITY_OBJECT_ID};
use crate::entra::Entra;
use crate::entra::mint::MANAGED_IDENTITY_LIFETIME;

/// The path that `IDENTITY_ENDPOINT` ends with.
pub(crate) const PATH: &str = "/msi/token";

const API_VERSION: &str = "2019-08-01";

#[derive(Deserialize)]
struct Parameters {
    resource: Option<String>,
    #[serde(rename = "api-version")]
    api_version: Option<String>,
    client_id: Option<String>,
    principal_id: Option<String>,
}

pub(crate) fn router(entra: Arc<Entra>) -> Router {
    Router::new().route(PATH, get(token)).with_state(entra)
}

fn refused(status: StatusCode, message: &str, correlation_id: Uuid) -> Response {
    let body = json!({
        "statusCode": status.as_u16(),
        "message": message,
        "correlationId": correlation_id,
    });
    (status, Json(body)).into_response()
}

/// A token for one resource, of the one identity that is assigned, by its client
/// id or its object id. Unnamed it would be the system-assigned one, which there
/// is not: the templates assign none.
async fn token(
    State(entra): State<Arc<Entra>>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
) -> Response {
    let refuse = |status, message: &str| refused(status, message, entra.random.uuid_v4());
    let header = headers.get("x-identity-header");
    if header.and_then(|value| value.to_str().ok()) != Some(IDENTITY_HEADER) {
        return refuse(
            StatusCode::FORBIDDEN,
            "The x-identity-header is missing or wrong.",
        );
    }
    if parameters.api_version.as_deref() != Some(API_VERSION) {
        return refuse(StatusCode::BAD_REQUEST, "The api-version is not supported.");
    }
    if parameters.client_id.is_none() && parameters.principal_id.is_none() {
        return refuse(
            StatusCode::BAD_REQUEST,
            "Unable to load the proper Managed Identity.",
        );
    }
    let names = |given: &Option<String>, own: Uuid| {
        let given = given.as_deref();
        given.is_none_or(|given| Uuid::try_parse(given) == Ok(own))
    };
    if !names(&parameters.client_id, MANAGED_IDENTITY_CLIENT_ID)
        || !names(&parameters.principal_id, MANAGED_IDENTITY_OBJECT_ID)
    {
        return refuse(
            StatusCode::BAD_REQUEST,
            "No User Assigned or Delegated Managed Identity found for specified \
             ClientId/ResourceId/PrincipalId.",
        );
    }
    let Some(resource) = parameters.resource.filter(|resource| !resource.is_empty()) else {
        return refuse(StatusCode::BAD_REQUEST, "The resource is missing.");
    };
    let Ok(access_token) = entra.managed_identity_token(&resource) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "AADSTS500011: The resource principal was not found in the tenant.",
        );
    };
    let now = entra.clock.unix();
    Json(json!({
        "access_token": access_token,
        "client_id": MANAGED_IDENTITY_CLIENT_ID,
        "expires_on": (now + MANAGED_IDENTITY_LIFETIME).to_string(),
        "not_before": now.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
    .into_response()
}
