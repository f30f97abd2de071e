//! `GET /api/grants`, `DELETE /api/grants/{id}`: what the caller has signed
//! in, and ending it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::tokens::{FRONT_END_CLIENT, grant_error};
use crate::config::BaseUrl;
use crate::error::ApiError;
use crate::grants::{Grant, Grants};
use crate::identity::Caller;

/// A sign-in with a client.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GrantView {
    id: Uuid,
    client_id: String,
    client_name: Option<String>,
    /// The addresses that its tokens open.
    resources: Vec<String>,
    scope: String,
    /// Signed in.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    created_at: OffsetDateTime,
    /// Signed in or refreshed last.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    last_used_at: OffsetDateTime,
    /// When it ends if it is not used any more.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    expires_at: OffsetDateTime,
    /// Whether the token of this very request belongs to it.
    current: bool,
}

/// The answer of `GET /api/grants`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GrantList {
    grants: Vec<GrantView>,
    count: usize,
}

/// What the routes need beside the grants.
#[derive(Debug, Clone)]
pub struct GrantsBase(pub BaseUrl);

fn moment(seconds: i64) -> Result<OffsetDateTime, ApiError> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(ApiError::internal)
}

fn view(grant: &Grant, base: &BaseUrl, current: Option<Uuid>) -> Result<GrantView, ApiError> {
    let own = grant.client_id == FRONT_END_CLIENT;
    Ok(GrantView {
        id: grant.id,
        client_name: grant
            .client_name
            .clone()
            .or_else(|| own.then(|| "Entrada front end".to_owned())),
        client_id: grant.client_id.clone(),
        resources: grant.audience.values(base),
        scope: grant.scope_asked.clone(),
        created_at: moment(grant.created_at)?,
        last_used_at: moment(grant.last_used_at)?,
        expires_at: moment(grant.expires_at())?,
        current: current == Some(grant.id),
    })
}

/// The caller's sign-ins that are in use, used last first.
///
/// # Errors
/// 401 without a good token, 503 while storage does not answer.
pub async fn list(
    Caller(principal): Caller,
    State(grants): State<Arc<Grants>>,
    State(GrantsBase(base)): State<GrantsBase>,
) -> Result<Json<GrantList>, ApiError> {
    let found = grants
        .list(&principal.partition())
        .await
        .map_err(grant_error)?;
    let views = found
        .iter()
        .map(|grant| view(grant, &base, principal.grant_id()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Json(GrantList {
        count: views.len(),
        grants: views,
    }))
}

/// Ends one of the caller's sign-ins: 204, and its tokens are refused
/// everywhere within ten seconds while storage answers (at worst sixty).
///
/// # Errors
/// 404 when the caller has none of this id in use, 401, 503.
pub async fn end(
    Caller(principal): Caller,
    State(grants): State<Arc<Grants>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let unknown = || ApiError::not_found("GRANT_NOT_FOUND", "You have no such sign-in.");
    let id = Uuid::try_parse(&id).map_err(|_| unknown())?;
    grants
        .end_own(&principal.partition(), id)
        .await
        .map_err(grant_error)?
        .ok_or_else(unknown)?;
    Ok(StatusCode::NO_CONTENT)
}
