//! `GET /auth/info`: how to sign in, for anybody.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use uuid::Uuid;

use super::tokens::SCOPE;
use crate::config::BaseUrl;

/// How to sign in.
#[derive(Debug, Clone, Serialize)]
pub struct Info {
    login_url: String,
    exchange_url: String,
    refresh_url: String,
    logout_url: String,
    protected_resource_metadata: String,
    tenant_id: Uuid,
    client_id: Uuid,
    scopes: Vec<&'static str>,
    entra_scope: String,
}

impl Info {
    /// The answer of a server at `base`.
    #[must_use]
    pub fn new(base: &BaseUrl, tenant_id: Uuid, client_id: Uuid, scope: &str) -> Self {
        Self {
            login_url: base.join("/auth/login"),
            exchange_url: base.join("/auth/exchange"),
            refresh_url: base.join("/auth/refresh"),
            logout_url: base.join("/auth/logout"),
            protected_resource_metadata: base.join("/.well-known/oauth-protected-resource/mcp"),
            tenant_id,
            client_id,
            scopes: SCOPE.split(' ').collect(),
            entra_scope: format!("api://{client_id}/{scope}"),
        }
    }
}

/// Answers with where to sign in and what to ask Entra for.
pub async fn info(State(info): State<Arc<Info>>) -> Json<Arc<Info>> {
    Json(info)
}
