//! The MCP methods: `tools/list` and `tools/call`, and an honest "no such
//! method" for the rest.

use std::sync::Arc;

use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, ContentBlock, ErrorData, Implementation,
    ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod,
    ListResourceTemplatesResult, ListResourcesRequestMethod, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, RoleServer};

use super::calls::{Answered, CallError, ToolCall};
use super::confirmation::{Round, open};
use super::{Anonymous, ChallengeSlot, Outcome, Progress, Registry, RequestStates, ToolError};
use crate::audit::Audit;
use crate::context::CorrelationId;
use crate::grants::Grants;
use crate::identity::Principal;

/// How long a client may keep a tool list, in milliseconds. Roles change with
/// the token, which lives an hour at most; a minute keeps lists fresh.
const LIST_TTL_MS: u64 = 60_000;

/// Tools in one page of a list.
const PAGE: usize = 100;

/// The handler of MCP requests. It holds nothing of a caller: each request
/// brings its own principal.
#[derive(Debug, Clone)]
pub struct McpServer {
    pub(super) registry: Arc<Registry>,
    pub(super) grants: Arc<Grants>,
    pub(super) audit: Arc<Audit>,
    pub(super) states: RequestStates,
}

impl McpServer {
    /// A server of these tools.
    #[must_use]
    pub fn new(
        registry: Arc<Registry>,
        grants: Arc<Grants>,
        audit: Arc<Audit>,
        states: RequestStates,
    ) -> Self {
        Self {
            registry,
            grants,
            audit,
            states,
        }
    }

    /// What carries a call from one round to the next.
    #[must_use]
    pub fn request_states(&self) -> &RequestStates {
        &self.states
    }
}

impl McpServer {
    async fn answer(
        &self,
        mut request: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let round = Round::take(&mut request, context);
        let opens = round.opens();
        let call = ToolCall {
            name: &request.name,
            arguments: request.arguments,
            correlation: attached::<CorrelationId>(context).copied(),
            progress: Progress::of(context),
            round,
        };
        let answered = if attached::<Anonymous>(context).is_some() {
            self.call_anonymously(call).await.map(Answered::Outcome)
        } else {
            self.call_in_rounds(caller(context)?, call).await
        };
        let answered = answered.map_err(|error| told(error, context))?;
        if let Answered::Outcome(Outcome::Failed(error)) = &answered {
            if let Some(challenge) = error.challenge()
                && let Some(slot) = attached::<ChallengeSlot>(context)
            {
                slot.leave(challenge.clone());
            }
            if let Some(link) = error.step_up().filter(|_| opens) {
                return open(error, link);
            }
        }
        answer(&request.name, answered)
    }
}

fn caller(context: &RequestContext<RoleServer>) -> Result<&Principal, ErrorData> {
    attached(context)
        .ok_or_else(|| ErrorData::internal_error("the request carries no caller", None))
}

/// What the door attached to the request.
fn attached<T: Send + Sync + 'static>(context: &RequestContext<RoleServer>) -> Option<&T> {
    context
        .extensions
        .get::<http::request::Parts>()
        .and_then(|parts| parts.extensions.get())
}

/// What the client is told. The door answers by its own status when nothing
/// was done because it could not be entered.
fn told(error: CallError, context: &RequestContext<RoleServer>) -> ErrorData {
    if let CallError::NotAudited(error) = &error
        && let Some(slot) = attached::<ChallengeSlot>(context)
    {
        slot.leave_unaudited(*error);
    }
    error.into()
}

fn answer(name: &str, answered: Answered) -> Result<CallToolResponse, ErrorData> {
    match answered {
        Answered::Asked(question) => Ok((*question).into()),
        Answered::Outcome(Outcome::Done(value)) => Ok(CallToolResult::structured(value).into()),
        Answered::Outcome(Outcome::Failed(error)) => Ok(failed(name, &error).into()),
        Answered::Outcome(Outcome::Unknown) => Err(unknown_tool(name)),
    }
}

fn unknown_tool(name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("Unknown tool: {name}"), None)
}

fn failed(tool: &str, error: &ToolError) -> CallToolResult {
    if let Some(log) = error.log() {
        tracing::warn!(tool, log, "a tool failed");
    }
    CallToolResult::error(vec![ContentBlock::text(error.text())])
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let mut config = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
        config.server_info = Implementation::new("entrada", env!("CARGO_PKG_VERSION"));
        config.with_instructions(
            "Tools of your organisation. You see those that your Microsoft Entra app roles \
             allow; `whoami` says which roles you have.",
        )
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = caller(&context)?;
        let correlation = attached::<CorrelationId>(&context).copied();
        self.enter_list(caller, correlation)
            .await
            .map_err(|error| told(error.into(), &context))?;
        let visible = self.registry.visible(caller);
        if visible
            .iter()
            .all(|tool| self.registry.is_public(&tool.name))
        {
            tracing::info!(
                roles = ?caller.roles(),
                tenant = %caller.tenant_id(),
                "the tool list is empty but for public tools: no role of the caller sees a tool"
            );
        }
        let after = request.and_then(|request| request.cursor);
        let mut rest = visible.into_iter().skip_while(|tool| {
            after
                .as_ref()
                .is_some_and(|after| tool.name.as_ref() <= after.as_str())
        });
        let page: Vec<_> = rest.by_ref().take(PAGE).collect();
        let next_cursor = match (rest.next(), page.last()) {
            (Some(_), Some(last)) => Some(last.name.to_string()),
            _ => None,
        };
        let mut result = ListToolsResult::with_all_items(page);
        result.next_cursor = next_cursor;
        if context
            .protocol_version()
            .is_some_and(|version| !version.has_initialize())
        {
            // Another caller's list may be another one.
            result = result
                .with_ttl_ms(LIST_TTL_MS)
                .with_cache_scope(CacheScope::Private);
        }
        Ok(result)
    }

    /// Ends with the client's connection: the tool's work is dropped then,
    /// and the log says that the call was abandoned.
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let gone = context.ct.clone();
        tokio::select! {
            biased;
            answer = self.answer(request, &context) => answer,
            () = gone.cancelled() => Err(ErrorData::internal_error("The call was given up.", None)),
        }
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<
            ListResourceTemplatesRequestMethod,
        >())
    }

    async fn complete(
        &self,
        _request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }
}
