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

use super::direct::Direct;
use super::message::Message;
use super::{AllowedOrigins, ChallengeSlot, McpServer, Registry};
use crate::context::{CorrelationId, RequestScope};
use crate::error::ApiError;
use crate::identity::{Door, Gate, Principal, Refusal};

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
#[derive(Debug)]
pub struct McpDoor {
    /// Which door it is.
    pub door: Door,
    /// Who may come in.
    pub gate: Arc<Gate>,
    /// From which pages.
    pub origins: Arc<AllowedOrigins>,
    /// What is behind it.
    pub registry: Arc<Registry>,
    /// What answers requests that one answer settles, if anything does.
    pub direct: Option<McpServer>,
}

/// What MCP clients find behind the doors.
pub trait Served: ServerHandler + Clone + Sync {
    /// What answers requests that one answer settles in the handler's place,
    /// and alike.
    fn direct(&self) -> Option<&McpServer> {
        None
    }
}

impl Served for McpServer {
    fn direct(&self) -> Option<&McpServer> {
        Some(self)
    }
}

impl McpDoor {
    /// The MCP service behind a door: stateless, JSON answers unless a tool
    /// has something to say before it ends. `Host` and `Origin` are checked
    /// by [`AllowedOrigins`], which knows the public name.
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
    /// as a call. A bad token is a bad token, whatever is called. Pages of
    /// foreign origins are refused before that.
    pub async fn guard(State(door): State<Arc<Self>>, request: Request, next: Next) -> Response {
        if let Err(error) = door.origins.check(request.headers()) {
            return error.into_response();
        }
        let (request, caller) = match door.admit(request).await {
            Ok(admitted) => admitted,
            Err(error) => return error.into_response(),
        };
        let (message, request) = match Message::read(request).await {
            Ok(read) => read,
            Err(response) => return response,
        };
        let slot = ChallengeSlot::default();
        let correlation = request.extensions().get::<CorrelationId>().copied();
        let direct = message
            .as_ref()
            .filter(|_| door.direct.is_some())
            .and_then(|message| Direct::of(request.headers(), message.bytes()));
        let answered = match (&door.direct, direct, &caller) {
            (Some(server), Some(direct), Some(caller)) => {
                let answering = server.answer_directly(direct, caller, correlation, &slot);
                answering.await
            }
            _ => None,
        };
        let response = if let Some(response) = answered {
            response
        } else {
            next.run(marked(request, caller, slot.clone())).await
        };
        if let Some(error) = slot.answer(door.door, &door.gate) {
            return error.into_response();
        }
        message
            .and_then(|message| message.answer(response.status()))
            .unwrap_or(response)
    }

    /// The request again, with its principal, or with none when it calls a
    /// public tool.
    async fn admit(&self, request: Request) -> Result<(Request, Option<Principal>), ApiError> {
        let address = self.gate.address(request.headers(), request.extensions());
        let refusal = match self.gate.identify(self.door, request.headers()).await {
            Ok(principal) => {
                self.gate.count_at(self.door, &principal).await?;
                return Ok((request, Some(principal)));
            }
            Err(Refusal::Missing) => match self.public_call(request).await {
                Some(request) => {
                    self.gate.count_anonymous(address).await?;
                    return Ok((request, None));
                }
                None => Refusal::Missing,
            },
            Err(refusal) => refusal,
        };
        Err(self.gate.refuse(self.door, &refusal, address).await)
    }

    /// The request again, if it calls a public tool. Headers can rule
    /// that out without reading the body, but not prove it: an `initialize`
    /// client sends none, and nobody would compare them with its body.
    async fn public_call(&self, request: Request) -> Option<Request> {
        if request.method() != Method::POST || !self.headers_allow(request.headers()) {
            return None;
        }
        let (parts, body) = request.into_parts();
        let reading = to_bytes(body, MAX_ANONYMOUS_BODY);
        let bytes = tokio::time::timeout(ANONYMOUS_PATIENCE, reading)
            .await
            .ok()?
            .ok()?;
        let call: PublicCall = serde_json::from_slice(&bytes).ok()?;
        if call.method != TOOLS_CALL || !self.registry.is_public(&call.params.name) {
            return None;
        }
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

/// The request with what the handlers behind the door go by.
fn marked(mut request: Request, caller: Option<Principal>, slot: ChallengeSlot) -> Request {
    let extensions = request.extensions_mut();
    extensions.insert(slot);
    extensions.insert(RequestScope::current());
    match caller {
        Some(caller) => drop(extensions.insert(caller)),
        None => drop(extensions.insert(Anonymous)),
    }
    request
}

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
