//! `GET /auth/info`: how to sign in, for anybody.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use entrada_entra::EntraSettings;
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
    /// What they read next: where to register and get tokens (RFC 8414).
    authorization_server_metadata: String,
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
    /// The answer of a server at `base` for this application.
    #[must_use]
    pub fn new(base: &BaseUrl, entra: &EntraSettings) -> Self {
        Self {
            login_url: base.join("/auth/login"),
            exchange_url: base.join("/auth/exchange"),
            refresh_url: base.join("/auth/refresh"),
            logout_url: base.join("/auth/logout"),
            protected_resource_metadata: base.join("/.well-known/oauth-protected-resource/mcp"),
            authorization_server_metadata: base.join("/.well-known/oauth-authorization-server"),
            tenant_id: entra.tenant_id,
            client_id: entra.client_id,
            scopes: SCOPE.split(' ').collect(),
            entra_scope: entra.api_scope(),
        }
    }
}

/// Answers with where to sign in and what to ask Entra for.
pub async fn info(State(info): State<Arc<Info>>) -> Json<Arc<Info>> {
    Json(info)
}
