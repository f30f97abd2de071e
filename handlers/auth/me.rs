//! `GET /api/auth/me`: who the caller is here.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::ApiError;
use crate::identity::{Caller, Profile, Profiles, Sighting};

/// The caller's profile and roles.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Me {
    #[serde(flatten)]
    profile: Profile,
    /// The roles that count here.
    roles: Vec<String>,
    scopes: Vec<String>,
    client_id: Option<String>,
    /// When the token expires, epoch seconds.
    token_expires_at: i64,
}

/// Answers with the caller's profile and the roles that count here.
///
/// # Errors
/// 401 without a good token, 503 while storage does not answer.
pub async fn me(
    Caller(principal): Caller,
    State(profiles): State<Arc<Profiles>>,
) -> Result<Json<Me>, ApiError> {
    let profile = match profiles.find(&principal.partition()).await? {
        Some(profile) => profile,
        None => {
            profiles
                .record(&Sighting {
                    tenant_id: principal.tenant_id(),
                    object_id: principal.object_id(),
                    name: principal.name().map(str::to_owned),
                    email: principal.email().map(str::to_owned),
                })
                .await?
        }
    };
    Ok(Json(Me {
        profile,
        roles: principal.roles().to_vec(),
        scopes: principal.scopes().to_vec(),
        client_id: principal.client_id(),
        token_expires_at: principal.expires_at(),
    }))
}
