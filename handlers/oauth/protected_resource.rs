//! Protected resource metadata (RFC 9728): one document for each door that
//! MCP clients and agent platforms use.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use entrada_entra::EntraSettings;
use serde_json::{Value, json};

use super::metadata::answer;
use crate::config::BaseUrl;
use crate::identity::Door;

/// The documents, made once.
#[derive(Debug)]
pub struct ProtectedResources {
    mcp: String,
    base: String,
    webhook: String,
}

impl ProtectedResources {
    /// The documents of a server at `base` for this application.
    #[must_use]
    pub fn new(base: &BaseUrl, entra: &EntraSettings) -> Self {
        let own = base.as_str().to_owned();
        let authority = entra.authority.as_str().trim_end_matches('/');
        let microsoft = format!("{authority}/{}/v2.0", entra.tenant_id);
        let scope = entra.api_scope();
        Self {
            mcp: document(&Door::Mcp.audience(base), &[&own], "mcp"),
            base: document(&own, &[&own, &microsoft], &scope),
            webhook: document(&Door::Webhook.audience(base), &[&microsoft, &own], &scope),
        }
    }
}

fn document(resource: &str, servers: &[&str], scope: &str) -> String {
    let document: Value = json!({
        "resource": resource,
        "authorization_servers": servers,
        "scopes_supported": [scope],
        "bearer_methods_supported": ["header"],
        "resource_name": "Entrada",
    });
    document.to_string()
}

/// `/.well-known/oauth-protected-resource/mcp`.
pub async fn of_mcp(State(resources): State<Arc<ProtectedResources>>) -> Response {
    answer(&resources.mcp)
}

/// `/.well-known/oauth-protected-resource`: where MCP SDKs look when the one
/// of the path is not there.
pub async fn of_base(State(resources): State<Arc<ProtectedResources>>) -> Response {
    answer(&resources.base)
}

/// `/.well-known/oauth-protected-resource/runtime/webhooks/mcp`.
pub async fn of_webhook(State(resources): State<Arc<ProtectedResources>>) -> Response {
    answer(&resources.webhook)
}
