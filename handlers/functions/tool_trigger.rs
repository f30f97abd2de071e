//! `POST /{tool function}`: calls of tools that come through the MCP
//! extension's door, `/runtime/webhooks/mcp` of a Functions app.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use http::{Extensions, HeaderValue, header};
use rmcp::model::{CallToolResult, ContentBlock, ErrorData, MetaObject};
use serde_json::json;

use super::{InvocationAnswer, ToolCall};
use crate::config::BaseUrl;
use crate::context::CorrelationId;
use crate::error::{ApiError, chain};
use crate::identity::{Door, Gate, Refusal};
use crate::mcp::{McpServer, Outcome, Registry, ToolError};

/// The largest wrapped call, in bytes. A client's 4 MiB arrive escaped twice,
/// and in two copies.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// How much of a call is read at most, in bytes: more than the host makes of
/// 40 MB, which the extension takes.
const MOST_READ: usize = 256 * 1024 * 1024;

/// How long the host may take to send a call.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where a result carries the challenge that this door cannot send as a
/// header (`OpenAI`, "Apps SDK: Authentication"; other clients ignore it).
const CHALLENGE_MEMBER: &str = "mcp/www_authenticate";

/// The function behind a tool. Every answer is a result that the extension
/// can read, also when there is nothing good to say.
#[derive(Debug, Clone)]
pub struct ToolTrigger {
    tool: &'static str,
    gate: Arc<Gate>,
    mcp: McpServer,
    registry: Arc<Registry>,
    base: BaseUrl,
}

impl ToolTrigger {
    /// The function of the tool `tool`, of a server at `base`.
    #[must_use]
    pub fn new(
        tool: &'static str,
        gate: Arc<Gate>,
        mcp: McpServer,
        registry: Arc<Registry>,
        base: BaseUrl,
    ) -> Self {
        Self {
            tool,
            gate,
            mcp,
            registry,
            base,
        }
    }

    /// Answers a wrapped call.
    pub async fn answer(self, request: Request) -> InvocationAnswer {
        let (parts, body) = request.into_parts();
        let result = match read(body).await {
            Ok(bytes) => self.result(&bytes, &parts.extensions).await,
            Err(refusal) => error(refusal),
        };
        InvocationAnswer::of_tool(result)
    }

    async fn result(&self, bytes: &[u8], extensions: &Extensions) -> CallToolResult {
        let call = match ToolCall::read(bytes) {
            Ok(call) => call,
            Err(fault) => {
                tracing::warn!(
                    tool = self.tool,
                    error = chain(&fault),
                    "not a wrapped call"
                );
                return error("This function answers calls of the Functions host alone.");
            }
        };
        let correlation = extensions.get::<CorrelationId>().copied();
        let address = self.gate.address(call.headers(), extensions);
        match self.gate.identify(Door::Webhook, call.headers()).await {
            Ok(caller) => {
                if let Err(exceeded) = self.gate.count(&caller).await {
                    return error(exceeded.detail().to_owned());
                }
                let call = self
                    .mcp
                    .call(&caller, self.tool, call.arguments, correlation);
                self.outcome(call.await)
            }
            Err(Refusal::Missing) if self.registry.is_public(self.tool) => {
                if let Err(exceeded) = self.gate.count_anonymous(address).await {
                    return error(exceeded.detail().to_owned());
                }
                let arguments = call.arguments;
                let call = self.mcp.call_public(self.tool, arguments, correlation);
                self.outcome(call.await)
            }
            Err(refusal) => {
                let refused = self.gate.refuse(Door::Webhook, &refusal, address).await;
                self.refused(refused)
            }
        }
    }

    fn outcome(&self, outcome: Result<Outcome, ErrorData>) -> CallToolResult {
        match outcome {
            Ok(Outcome::Done(value)) => CallToolResult::structured(value),
            Ok(Outcome::Failed(failure)) => self.failed(&failure),
            // The extension lists every tool to everybody, so there is
            // nothing to hide but why.
            Ok(Outcome::Unknown) => error(format!(
                "Unknown tool: {}. Your app roles decide which tools there are for you; {} lists \
                 them.",
                self.tool,
                self.base.join("/mcp/tools")
            )),
            Err(fault) => error(fault.message.into_owned()),
        }
    }

    /// What went wrong in the tool; a challenge in words, since this door
    /// answers every call with 200.
    fn failed(&self, failure: &ToolError) -> CallToolResult {
        if let Some(log) = failure.log() {
            tracing::warn!(tool = self.tool, log, "a tool failed");
        }
        error(failure.text())
    }

    /// The answer to a caller who is not let in: which check failed, and
    /// where to sign in. This door cannot answer 401.
    fn refused(&self, refused: ApiError) -> CallToolResult {
        let detail = refused.detail().to_owned();
        let response = refused.into_response();
        let Some(challenge) = response.headers().get(header::WWW_AUTHENTICATE) else {
            return error(detail);
        };
        let metadata = Door::Webhook.metadata();
        let text = format!(
            "{detail} Callers of this address bring an access token of Microsoft Entra ID in the \
             Authorization header; {} says for which scope. To sign in from the client, connect \
             to {} instead.",
            self.base.join(&metadata),
            Door::Mcp.audience(&self.base),
        );
        let mut result = error(text);
        result.meta = challenge_meta(challenge);
        result
    }
}

fn challenge_meta(challenge: &HeaderValue) -> Option<MetaObject> {
    let challenge = json!([challenge.to_str().ok()?]);
    let member = (CHALLENGE_MEMBER.to_owned(), challenge);
    Some(MetaObject([member].into_iter().collect()))
}

async fn read(body: Body) -> Result<Vec<u8>, &'static str> {
    tokio::time::timeout(PATIENCE, collect(body))
        .await
        .unwrap_or(Err("The call took too long to arrive."))
}

/// What is too large is read on and thrown away: a host that is still sending
/// when it is answered takes the call for a failure, and the caller would not
/// learn why.
async fn collect(body: Body) -> Result<Vec<u8>, &'static str> {
    let mut call = Vec::new();
    let mut read = 0;
    let mut pieces = body.into_data_stream();
    while read < MOST_READ
        && let Some(piece) = pieces.next().await
    {
        let piece = piece.map_err(|_| "The call broke off.")?;
        read += piece.len();
        if read <= MAX_BODY {
            call.extend_from_slice(&piece);
        }
    }
    if read <= MAX_BODY {
        return Ok(call);
    }
    Err(
        "The call is too large. Arguments of about 4 MiB are taken, and fewer with many quotes \
         or line breaks; /mcp takes 4 MiB of any text.",
    )
}

fn error(text: impl Into<String>) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

/// The answer when a tool panicked: still one that the extension can read.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the panic over"
)]
pub fn tool_panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!(
        panic = crate::error::panic_message(&*panic),
        "a tool panicked"
    );
    let result = error("Something went wrong on our side. The server's log says what.");
    InvocationAnswer::of_tool(result).into_response()
}
