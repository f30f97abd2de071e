//! `GET /auth/info`: how to sign in, for anybody.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::tokens::SCOPE;
use crate::config::BaseUrl;

/// How to sign in.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Info {
    /// Where people begin to sign in, in a browser.
    login_url: String,
    /// Where a front end exchanges the one-time code for tokens.
    exchange_url: String,
    /// Where a front end gets new tokens.
    refresh_url: String,
    /// Where a sign-in is ended.
    logout_url: String,
    /// What MCP clients read to find the authorization server (RFC 9728).
    protected_resource_metadata: String,
    /// The home tenant.
    tenant_id: Uuid,
    /// The application that people sign in to.
    client_id: Uuid,
    /// The scopes of this server's tokens.
    scopes: Vec<&'static str>,
    /// What to ask Microsoft Entra ID for, to bring its token.
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
