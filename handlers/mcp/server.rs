//! The MCP methods: `tools/list` and `tools/call`, and an honest "no such
//! method" for the rest.

use std::sync::Arc;

use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, ContentBlock, ErrorData, Implementation,
    ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod,
    ListResourceTemplatesResult, ListResourcesRequestMethod, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::Value;

use super::calls::{Answered, CallError, ToolCall};
use super::confirmation::{Round, open};
use super::direct::Era;
use super::lists::{Lists, page};
use super::{Anonymous, ChallengeSlot, Outcome, Progress, Registry, RequestStates, ToolError};
use crate::audit::Audit;
use crate::context::{CorrelationId, RequestScope, unless_it_panics};
use crate::error::ApiError;
use crate::grants::Grants;
use crate::identity::Principal;
use crate::text::beginning;

/// Most characters of a tool's name (MCP 2025-11-25, "Tool Names").
const LONGEST_NAME: usize = 128;

/// The handler of MCP requests. It holds nothing of a caller: each request
/// brings its own principal.
#[derive(Debug, Clone)]
pub struct McpServer {
    pub(super) registry: Arc<Registry>,
    pub(super) grants: Arc<Grants>,
    pub(super) audit: Arc<Audit>,
    pub(super) states: RequestStates,
    pub(super) lists: Arc<Lists>,
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
            lists: Arc::default(),
        }
    }

    /// What carries a call from one round to the next.
    #[must_use]
    pub fn request_states(&self) -> &RequestStates {
        &self.states
    }
}

impl McpServer {
    /// Calls a tool for `caller`, or a public one for nobody in particular.
    /// What the door has to answer in the call's place is left in `slot`.
    pub(super) async fn answer(
        &self,
        caller: Option<&Principal>,
        call: ToolCall<'_>,
        slot: Option<&ChallengeSlot>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (name, opens) = (call.name, call.round.opens());
        let answered = match caller {
            Some(caller) => self.call_in_rounds(caller, call).await,
            None => self.call_anonymously(call).await.map(Answered::Outcome),
        };
        let answered = answered.map_err(|error| told(error, slot))?;
        if let Answered::Outcome(Outcome::Failed(error)) = &answered {
            if let Some((challenge, slot)) = error.challenge().zip(slot) {
                slot.leave(challenge.clone());
            }
            if let Some(link) = error.step_up().filter(|_| opens) {
                return open(error, link);
            }
        }
        answer(name, answered)
    }

    /// Enters that `caller` is shown a list of tools. That it cannot be
    /// entered is left in `slot`.
    pub(super) async fn show_list(
        &self,
        caller: &Principal,
        correlation: Option<CorrelationId>,
        is_empty: bool,
        slot: Option<&ChallengeSlot>,
    ) -> Result<(), ErrorData> {
        let entered = self.enter_list(caller, correlation, is_empty).await;
        entered.map_err(|error| told(error.into(), slot))
    }
}

/// Does the work of a request where rmcp has it done: in a task of its own,
/// which inherits nothing of the request.
async fn in_scope<T>(
    context: &RequestContext<RoleServer>,
    work: impl Future<Output = Result<T, ErrorData>>,
) -> Result<T, ErrorData> {
    let scope = attached::<RequestScope>(context);
    let scope = scope.cloned().unwrap_or_default();
    scope.run(or_internal_error(work)).await
}

/// The answer, or an error when something inside breaks. rmcp has none to give
/// for a task that panics: its client would wait for ever.
pub(super) fn or_internal_error<T>(
    answering: impl Future<Output = Result<T, ErrorData>>,
) -> impl Future<Output = Result<T, ErrorData>> {
    unless_it_panics(answering, |said| {
        let error = ApiError::internal(format!("panic: {said}"));
        tracing::error!(code = error.code(), log = error.log(), "request failed");
        Err(ErrorData::internal_error(error.detail().to_owned(), None))
    })
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
fn told(error: CallError, slot: Option<&ChallengeSlot>) -> ErrorData {
    if let CallError::NotAudited(error) = &error
        && let Some(slot) = slot
    {
        slot.leave_unaudited(*error);
    }
    error.into()
}

fn answer(name: &str, answered: Answered) -> Result<CallToolResponse, ErrorData> {
    match answered {
        Answered::Asked(question) => Ok((*question).into()),
        Answered::Outcome(Outcome::Done(value)) => Ok(structured(value).into()),
        Answered::Outcome(Outcome::Failed(error)) => Ok(failed(name, &error).into()),
        Answered::Outcome(Outcome::Unknown) => Err(unknown_tool(name)),
    }
}

/// The value, and as text for clients that know no structured content.
fn structured(value: Value) -> CallToolResult {
    // As `CallToolResult::structured` does, but for the way to the text.
    let text = serde_json::to_string(&value).unwrap_or_default();
    let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
    result.structured_content = Some(value);
    result
}

fn unknown_tool(name: &str) -> ErrorData {
    let name = beginning(name, LONGEST_NAME);
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
        let answering = async {
            let caller = caller(&context)?;
            let visible = self.registry.visible(caller);
            let is_empty = self.registry.are_public(&visible);
            let after = request.and_then(|request| request.cursor);
            let era = Era::negotiated(context.protocol_version().as_ref());
            let page = page(visible, after.as_deref(), era)?;
            let correlation = attached::<CorrelationId>(&context).copied();
            let slot = attached::<ChallengeSlot>(&context);
            self.show_list(caller, correlation, is_empty, slot).await?;
            Ok(page)
        };
        in_scope(&context, answering).await
    }

    /// Ends with the client's connection: the tool's work is dropped then,
    /// and the log says that the call was abandoned.
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let gone = context.ct.clone();
        let answering = async {
            let mut request = request;
            let round = Round::take(&mut request, &context);
            let call = ToolCall {
                name: &request.name,
                arguments: request.arguments,
                correlation: attached::<CorrelationId>(&context).copied(),
                progress: Progress::of(&context),
                round,
            };
            let caller = match attached::<Anonymous>(&context) {
                Some(Anonymous) => None,
                None => Some(caller(&context)?),
            };
            self.answer(caller, call, attached::<ChallengeSlot>(&context))
                .await
        };
        tokio::select! {
            biased;
            answer = in_scope(&context, answering) => answer,
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
