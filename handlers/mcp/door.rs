//! The HTTP side of `/mcp` and `/runtime/webhooks/mcp`: who is calling is
//! settled before a byte of MCP is read.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use super::McpServer;
use crate::identity::{Authenticator, Door};

/// The largest body that is read, in bytes.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// A door at which MCP clients call.
#[derive(Debug, Clone)]
pub struct McpDoor {
    door: Door,
    authenticator: Arc<Authenticator>,
}

impl McpDoor {
    /// The door `door`.
    #[must_use]
    pub fn new(door: Door, authenticator: Arc<Authenticator>) -> Self {
        Self {
            door,
            authenticator,
        }
    }

    /// The MCP service behind a door: stateless, JSON answers unless a tool
    /// has something to say before it ends. `Host` and `Origin` are checked
    /// by [`super::check_origin`], which knows the public name.
    #[must_use]
    pub fn service(server: McpServer) -> StreamableHttpService<McpServer, NeverSessionManager> {
        StreamableHttpService::new(
            move || Ok(server.clone()),
            Arc::new(NeverSessionManager::default()),
            StreamableHttpServerConfig::default()
                .with_legacy_session_mode(false)
                .with_json_response(true)
                .with_max_request_body_bytes(MAX_BODY)
                .disable_allowed_hosts(),
        )
    }

    /// Lets in who has a good token for the door.
    pub async fn guard(State(door): State<Self>, mut request: Request, next: Next) -> Response {
        let authenticated = door
            .authenticator
            .authenticate(door.door, request.headers())
            .await;
        match authenticated {
            Ok(principal) => {
                request.extensions_mut().insert(principal);
                next.run(request).await
            }
            Err(refusal) => door
                .authenticator
                .refuse(door.door, &refusal)
                .into_response(),
        }
    }
}
