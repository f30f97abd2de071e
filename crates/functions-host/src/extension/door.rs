use std::sync::Arc;

use bytes::Bytes;
use entrada_ambient::Random;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::value::RawValue;

use super::answer;
use super::call::{STREAMABLE, Transport};
use super::client_state::{self, ClientStates, Presented, SESSION_HEADER};
use super::legacy::LegacyDoor;
use super::message::{Message, Unreadable};
use super::methods::{Catalogue, Methods, ServerInfo, initialize_version};
use super::spelling;
use crate::body::{Body, status};
use crate::functions::Function;
use crate::invocation::Invoker;
use crate::settings::{AppSettings, Configuration};

/// The MCP extension's HTTP door.
#[derive(Debug)]
pub(crate) struct McpDoor {
    methods: Methods,
    clients: Arc<ClientStates>,
    legacy: LegacyDoor,
    body_limit: usize,
}

impl McpDoor {
    /// The door for the tools, resources and prompts among `functions`; `None`
    /// without any, since the extension is loaded only where one of its bindings
    /// is used.
    pub(crate) fn open(
        functions: &[Function],
        configuration: &Configuration,
        settings: &AppSettings,
        invoker: Arc<Invoker>,
        random: Arc<dyn Random>,
        body_limit: usize,
    ) -> Option<Self> {
        let catalogue = Catalogue::of(functions);
        if catalogue.is_empty() {
            return None;
        }
        let option = |name: &str| configuration.get_filled(&format!("extensions:mcp:{name}"));
        let sealed =
            option("encryptClientState").is_none_or(|text| !text.eq_ignore_ascii_case("false"));
        let plain = !sealed || settings.get("FUNCTIONS_CORETOOLS_ENVIRONMENT").is_some();
        let server = ServerInfo {
            name: option("serverName")
                .unwrap_or("Azure Functions MCP server")
                .to_owned(),
            version: option("serverVersion").unwrap_or("1.0.0").to_owned(),
            instructions: option("instructions").map(str::to_owned),
        };
        let clients = Arc::new(ClientStates::new(plain, random));
        Some(Self {
            methods: Methods {
                catalogue: Arc::new(catalogue),
                server: Arc::new(server),
                invoker,
            },
            legacy: LegacyDoor::new(Arc::clone(&clients)),
            clients,
            body_limit,
        })
    }

    /// Answers a request whose path begins with `/runtime/webhooks/mcp`.
    pub(crate) async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request
            .uri()
            .path()
            .trim_end_matches('/')
            .to_ascii_lowercase();
        if path.ends_with("/sse") {
            return self.legacy.open(request).await;
        }
        if path.ends_with("/message") {
            let (parts, body) = request.into_parts();
            let body = self.read(&parts, body).await;
            let methods = self.methods.clone();
            return self
                .legacy
                .take(&parts.method, &parts.uri, body.as_ref(), methods);
        }
        if request.method() != Method::POST {
            return status(StatusCode::METHOD_NOT_ALLOWED);
        }
        if !accepts(request.headers(), "application", "json")
            || !accepts(request.headers(), "text", "event-stream")
        {
            return answer::refusal(
                StatusCode::NOT_ACCEPTABLE,
                "Not Acceptable: Client must accept both application/json and text/event-stream",
            );
        }
        let session = self.clients.look_up(request.headers());
        match session {
            Presented::None | Presented::Known => {}
            Presented::Unreadable(client_state::Unreadable::Foreign) => {
                return status(StatusCode::INTERNAL_SERVER_ERROR);
            }
            Presented::Unreadable(client_state::Unreadable::Malformed) => {
                return answer::refusal(StatusCode::BAD_REQUEST, "Invalid client state.");
            }
        }
        let (parts, body) = request.into_parts();
        let Some(body) = self.read(&parts, body).await else {
            return status(StatusCode::INTERNAL_SERVER_ERROR);
        };
        match Message::read(&body) {
            Ok(Message::Silent) => answer::accepted(),
            Ok(Message::Request { id, method, params }) => {
                let method = method.as_deref();
                self.answer(&parts, session, &id, method, params.as_deref())
                    .await
            }
            Err(Unreadable::Null) => answer::refusal(
                StatusCode::BAD_REQUEST,
                "Bad Request: The POST body did not contain a valid JSON-RPC message.",
            ),
            Err(Unreadable::Broken) => status(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The body, if it is declared to be JSON and not too large.
    async fn read(&self, parts: &Parts, body: Incoming) -> Option<Bytes> {
        let media_type = parts.headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let media_type = media_type.split(';').next()?.trim().to_ascii_lowercase();
        if media_type != "application/json" && !media_type.ends_with("+json") {
            return None;
        }
        let body = Limited::new(body, self.body_limit).collect().await.ok()?;
        Some(body.to_bytes())
    }

    async fn answer(
        &self,
        parts: &Parts,
        session: Presented,
        id: &RawValue,
        method: Option<&str>,
        params: Option<&RawValue>,
    ) -> Response<Body> {
        let Some(method) = method else {
            return answer::event(Err(&answer::RpcError::internal()), id);
        };
        let initializes = method == "initialize" && session == Presented::None;
        if initializes && params.is_some_and(|params| initialize_version(params).is_none()) {
            return answer::broken_event();
        }
        let outcome = self
            .methods
            .answer(method, params, async || transport(parts).await)
            .await;
        let mut response = answer::event(outcome.as_deref(), id);
        if initializes && let Ok(id) = HeaderValue::from_str(&self.clients.issue().1) {
            response.headers_mut().insert(SESSION_HEADER, id);
        }
        response
    }
}

async fn transport(parts: &Parts) -> Transport {
    let headers = spelling::headers(parts).await;
    Transport {
        name: STREAMABLE,
        client_info: None,
        session_id: headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(SESSION_HEADER))
            .map(|(_, value)| value.clone()),
        headers,
    }
}

/// Whether one of the `Accept` headers allows a media type; quality is not
/// looked at, and without a header nothing is allowed.
fn accepts(headers: &HeaderMap, kind: &str, subtype: &str) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next()?.trim().split_once('/'))
        .any(|(range_kind, range_subtype)| {
            (range_kind == "*" && range_subtype == "*")
                || (range_kind.eq_ignore_ascii_case(kind)
                    && (range_subtype == "*" || range_subtype.eq_ignore_ascii_case(subtype)))
        })
}
