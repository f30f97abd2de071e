//! The HTTP side of `/mcp` and `/runtime/webhooks/mcp`: who is calling is
//! settled before a byte of MCP is read.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method};
use rmcp::handler::server::ServerHandler;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;

use super::message::Message;
use super::{ChallengeSlot, Registry};
use crate::error::ApiError;
use crate::identity::{Door, Gate, Refusal};

/// The largest body that is read, in bytes.
pub(super) const MAX_BODY: usize = 4 * 1024 * 1024;

/// The largest body of a request without a token that is read to find out
/// what it asks for, in bytes. Public tools take next to nothing.
const MAX_ANONYMOUS_BODY: usize = 16 * 1024;

/// How long a request without a token may take to send its body.
const ANONYMOUS_PATIENCE: Duration = Duration::from_secs(5);

/// Marks a request without a token that asks for nothing but a public tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anonymous;

/// A door at which MCP clients call.
#[derive(Debug, Clone)]
pub struct McpDoor {
    door: Door,
    gate: Arc<Gate>,
    registry: Arc<Registry>,
}

impl McpDoor {
    /// The door `door` to these tools.
    #[must_use]
    pub fn new(door: Door, gate: Arc<Gate>, registry: Arc<Registry>) -> Self {
        Self {
            door,
            gate,
            registry,
        }
    }

    /// The MCP service behind a door: stateless, JSON answers unless a tool
    /// has something to say before it ends. `Host` and `Origin` are checked
    /// by [`super::check_origin`], which knows the public name.
    #[must_use]
    pub fn service<S>(server: S) -> StreamableHttpService<S, NeverSessionManager>
    where
        S: ServerHandler + Clone + Sync,
    {
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

    /// Lets in who has a good token for the door, and who has none and calls
    /// a public tool, as often as the limits allow: every HTTP request counts
    /// as a call. A bad token is a bad token, whatever is called.
    pub async fn guard(State(door): State<Self>, request: Request, next: Next) -> Response {
        let mut request = match door.admit(request).await {
            Ok(request) => request,
            Err(error) => return error.into_response(),
        };
        let slot = ChallengeSlot::default();
        request.extensions_mut().insert(slot.clone());
        let (message, request) = match Message::read(request).await {
            Ok(read) => read,
            Err(response) => return response,
        };
        let response = next.run(request).await;
        if let Some(error) = slot.answer(door.door, &door.gate) {
            return error.into_response();
        }
        message
            .and_then(|message| message.answer(response.status()))
            .unwrap_or(response)
    }

    /// The request again, with its principal or marked as anonymous.
    async fn admit(&self, mut request: Request) -> Result<Request, ApiError> {
        let address = self.gate.address(request.headers(), request.extensions());
        let refusal = match self.gate.identify(self.door, request.headers()).await {
            Ok(principal) => {
                self.gate.count_at(self.door, &principal).await?;
                request.extensions_mut().insert(principal);
                return Ok(request);
            }
            Err(Refusal::Missing) => match self.public_call(request).await {
                Some(request) => {
                    self.gate.count_anonymous(address).await?;
                    return Ok(request);
                }
                None => Refusal::Missing,
            },
            Err(refusal) => refusal,
        };
        Err(self.gate.refuse(self.door, &refusal, address).await)
    }

    /// The request again, marked, if it calls a public tool. Headers can rule
    /// that out without reading the body, but not prove it: an `initialize`
    /// client sends none, and nobody would compare them with its body.
    async fn public_call(&self, request: Request) -> Option<Request> {
        if request.method() != Method::POST || !self.headers_allow(request.headers()) {
            return None;
        }
        let (mut parts, body) = request.into_parts();
        let reading = to_bytes(body, MAX_ANONYMOUS_BODY);
        let bytes = tokio::time::timeout(ANONYMOUS_PATIENCE, reading)
            .await
            .ok()?
            .ok()?;
        let call: PublicCall = serde_json::from_slice(&bytes).ok()?;
        if call.method != TOOLS_CALL || !self.registry.is_public(&call.params.name) {
            return None;
        }
        parts.extensions.insert(Anonymous);
        Some(Request::from_parts(parts, Body::from(bytes)))
    }

    /// Whether what the headers of the 2026-07-28 protocol name, if anything,
    /// is a public tool.
    fn headers_allow(&self, headers: &HeaderMap) -> bool {
        let named = |name| headers.get_all(name).iter().map(|value| value.to_str());
        named("mcp-method").all(|method| method.is_ok_and(|method| method == TOOLS_CALL))
            && named("mcp-name").all(|name| name.is_ok_and(|name| self.registry.is_public(name)))
    }
}

const TOOLS_CALL: &str = "tools/call";

/// What a JSON-RPC request asks for. A batch is none of these, nor is a
/// request with a member twice.
#[derive(Deserialize)]
struct PublicCall {
    method: String,
    params: PublicParams,
}

#[derive(Deserialize)]
struct PublicParams {
    name: String,
}
