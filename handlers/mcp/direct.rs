//! The short way: a list or a call that one answer settles is answered where
//! it arrived.
//!
//! rmcp serves each request as a conversation, with tasks and channels of its
//! own, in case that there is more to say than one answer. Nearly always there
//! is not. What this module takes, it reads and answers with rmcp's types, and
//! as rmcp does: a test compares them. Whatever is unusual about a request, or
//! wrong, is left to rmcp.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use rmcp::model::{
    ErrorData, JsonObject, JsonRpcError, JsonRpcResponse, JsonRpcVersion2_0, ProtocolVersion,
    RequestId, RequestMetaObject, ServerResult,
};
use serde::{Deserialize, Serialize};

use super::calls::ToolCall;
use super::confirmation::Round;
use super::server::or_internal_error;
use super::{ChallengeSlot, McpServer, Progress};
use crate::context::CorrelationId;
use crate::error::ApiError;
use crate::identity::Principal;

const VERSION: &str = "mcp-protocol-version";
const METHOD: &str = "mcp-method";
const NAME: &str = "mcp-name";

/// Headers that repeat arguments (SEP-2243), which rmcp compares with them.
const ARGUMENT_HEADERS: &str = "mcp-param-";

const LIST: &str = "tools/list";
const CALL: &str = "tools/call";

/// How a request says which protocol it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// By the header alone, agreed on by `initialize` (up to 2025-11-25).
    Initialize,
    /// In itself (2026-07-28).
    PerRequest,
}

/// A request that one answer settles.
#[derive(Debug)]
pub(super) struct Direct {
    id: RequestId,
    era: Era,
    asked: Asked,
}

#[derive(Debug)]
enum Asked {
    List,
    Call {
        name: String,
        arguments: Option<JsonObject>,
    },
}

/// The message of such a request. With any other member it is another one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    #[serde(rename = "jsonrpc")]
    _jsonrpc: JsonRpcVersion2_0,
    id: RequestId,
    method: String,
    params: Option<Params>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    name: Option<String>,
    arguments: Option<JsonObject>,
    #[serde(rename = "_meta")]
    meta: Option<RequestMetaObject>,
}

impl Direct {
    /// What a POST asks for, if it is as most are.
    pub(super) fn of(headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        if !accepts_both(headers) || !is_json(headers) {
            return None;
        }
        let message: Message = serde_json::from_slice(body).ok()?;
        let params = message.params.unwrap_or_default();
        let era = Era::of(headers, params.meta.as_ref())?;
        let asked = match (message.method.as_str(), params.name, params.arguments) {
            (LIST, None, None) => Asked::List,
            (CALL, Some(name), arguments) => Asked::Call { name, arguments },
            _ => return None,
        };
        if era == Era::PerRequest && !asked.is_named_by(headers) {
            return None;
        }
        Some(Self {
            id: message.id,
            era,
            asked,
        })
    }
}

impl Era {
    /// The era of a version that client and server agreed on.
    pub(super) fn negotiated(version: Option<&ProtocolVersion>) -> Self {
        if version.is_none_or(ProtocolVersion::has_initialize) {
            Self::Initialize
        } else {
            Self::PerRequest
        }
    }

    /// The era of a request whose client waits for nothing but the answer.
    fn of(headers: &HeaderMap, meta: Option<&RequestMetaObject>) -> Option<Self> {
        let version = match single(headers, VERSION) {
            Found::None => None,
            Found::One(version) => Some(version),
            Found::Else => return None,
        };
        if meta.is_some_and(|meta| meta.get_progress_token().is_some()) {
            return None;
        }
        let named = meta.and_then(RequestMetaObject::protocol_version);
        let newest = ProtocolVersion::V_2026_07_28;
        match (version, named) {
            (None, None) => Some(Self::Initialize),
            (Some(version), None) => ProtocolVersion::KNOWN_VERSIONS
                .iter()
                .any(|known| known.as_str() == version && known.has_initialize())
                .then_some(Self::Initialize),
            (Some(version), Some(named)) => {
                // Who can be asked something waits for more than an answer.
                let plain = meta
                    .and_then(RequestMetaObject::client_capabilities)
                    .is_some_and(|can| can.elicitation.is_none());
                (plain && named == newest && version == newest.as_str()).then_some(Self::PerRequest)
            }
            (None, Some(_)) => None,
        }
    }
}

impl Asked {
    /// Whether the headers that repeat the message say the same (MCP
    /// 2026-07-28, "Standard Request Headers"), and nothing has to be decoded
    /// to see it.
    fn is_named_by(&self, headers: &HeaderMap) -> bool {
        let one = |name, value| matches!(single(headers, name), Found::One(text) if text == value);
        let named = match self {
            Self::List => one(METHOD, LIST) && !headers.contains_key(NAME),
            Self::Call { name, .. } => one(METHOD, CALL) && one(NAME, name),
        };
        named
            && !headers
                .keys()
                .any(|name| name.as_str().starts_with(ARGUMENT_HEADERS))
    }
}

enum Found<'a> {
    None,
    One(&'a str),
    /// Twice, or no text.
    Else,
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Found<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Found::None,
        (Some(value), None) => value.to_str().map_or(Found::Else, Found::One),
        (Some(_), Some(_)) => Found::Else,
    }
}

/// `Accept` as clients are to send it (MCP, Streamable HTTP): both types,
/// without weights.
fn accepts_both(headers: &HeaderMap) -> bool {
    let Found::One(accepted) = single(headers, header::ACCEPT.as_str()) else {
        return false;
    };
    let has = |kind: &str| accepted.split(',').any(|one| one.trim() == kind);
    has("application/json") && has("text/event-stream")
}

fn is_json(headers: &HeaderMap) -> bool {
    matches!(
        single(headers, header::CONTENT_TYPE.as_str()),
        Found::One("application/json")
    )
}

impl McpServer {
    /// Answers a request of `caller`; `None` when the answer is one page of
    /// several.
    pub(super) async fn answer_directly(
        &self,
        direct: Direct,
        caller: &Principal,
        correlation: Option<CorrelationId>,
        slot: &ChallengeSlot,
    ) -> Option<Response> {
        let Direct { id, era, asked } = direct;
        match asked {
            Asked::List => {
                let listed = self.lists.of(&self.registry, caller, era)?;
                let showing = self.show_list(caller, correlation, listed.is_empty, Some(slot));
                let shown = or_internal_error(showing).await;
                Some(respond(id, shown.map(|()| &listed.page)))
            }
            Asked::Call { name, arguments } => {
                let call = ToolCall {
                    name: &name,
                    arguments,
                    correlation,
                    progress: Progress::untold(),
                    round: Round::default(),
                };
                let answering = self.answer(Some(caller), call, Some(slot));
                let result = or_internal_error(answering).await.map(|answer| {
                    let mut result = ServerResult::from(answer);
                    if era == Era::Initialize {
                        result.strip_result_type_for_legacy_peer();
                    }
                    result
                });
                Some(respond(id, result))
            }
        }
    }
}

/// The answer as JSON. An error of JSON-RPC is an answer like any other to
/// HTTP.
fn respond(id: RequestId, result: Result<impl Serialize, ErrorData>) -> Response {
    let body = match result {
        Ok(result) => serde_json::to_vec(&JsonRpcResponse {
            jsonrpc: JsonRpcVersion2_0,
            id,
            result,
        }),
        Err(error) => serde_json::to_vec(&JsonRpcError::new(Some(id), error)),
    };
    match body {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => ApiError::internal(format!("an answer is not JSON: {error}")).into_response(),
    }
}
