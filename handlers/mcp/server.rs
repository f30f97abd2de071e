//! The MCP methods: `tools/list` and `tools/call`, and an honest "no such
//! method" for the rest.

use std::sync::Arc;

use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, ContentBlock, ErrorData, Implementation, JsonObject,
    ListPromptsRequestMethod, ListPromptsResult, ListResourceTemplatesRequestMethod,
    ListResourceTemplatesResult, ListResourcesRequestMethod, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, RoleServer};

use super::{Anonymous, ChallengeSlot, Outcome, Registry, ToolError};
use crate::audit::{self, Audit, AuditError, Entry};
use crate::context::CorrelationId;
use crate::error::chain;
use crate::grants::Grants;
use crate::identity::Principal;
use crate::policy::ToolClass;

/// How long a client may keep a tool list, in milliseconds. Roles change with
/// the token, which lives an hour at most; a minute keeps lists fresh.
const LIST_TTL_MS: u64 = 60_000;

/// Tools in one page of a list.
const PAGE: usize = 100;

/// Why a call was not made, or not answered.
#[derive(Debug)]
enum CallError {
    /// It could not be entered, and nothing was done.
    NotAudited(AuditError),
    /// Anything else.
    Other(ErrorData),
}

impl From<AuditError> for CallError {
    fn from(error: AuditError) -> Self {
        tracing::error!(error = chain(&error), "a request was refused");
        Self::NotAudited(error)
    }
}

impl From<CallError> for ErrorData {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotAudited(_) => Self::internal_error(
                "The audit log cannot be written right now, and nothing is done without it. Try \
                 again shortly.",
                None,
            ),
            CallError::Other(error) => error,
        }
    }
}

/// The handler of MCP requests. It holds nothing of a caller: each request
/// brings its own principal.
#[derive(Debug, Clone)]
pub struct McpServer {
    registry: Arc<Registry>,
    grants: Arc<Grants>,
    audit: Arc<Audit>,
}

impl McpServer {
    /// A server of these tools.
    #[must_use]
    pub fn new(registry: Arc<Registry>, grants: Arc<Grants>, audit: Arc<Audit>) -> Self {
        Self {
            registry,
            grants,
            audit,
        }
    }

    /// Calls a tool for a caller, entered into the audit log whatever comes of
    /// it; refusals and calls that change something before this returns.
    ///
    /// # Errors
    /// When the call cannot be made, or cannot be entered.
    pub async fn call(
        &self,
        caller: &Principal,
        name: &str,
        arguments: Option<JsonObject>,
        correlation: Option<CorrelationId>,
    ) -> Result<Outcome, ErrorData> {
        Ok(self.call_as(caller, name, arguments, correlation).await?)
    }

    async fn call_as(
        &self,
        caller: &Principal,
        name: &str,
        arguments: Option<JsonObject>,
        correlation: Option<CorrelationId>,
    ) -> Result<Outcome, CallError> {
        let entry = Entry::of(caller, "tools/call")
            .tool(name, arguments.as_ref())
            .correlation(correlation.map(|id| id.0));
        let pending = self.audit.begin(entry).await?;
        let Some(class) = self.registry.class_for(caller, name) else {
            let reason = Some("hidden_or_unknown_tool");
            let entered = pending.finish_durably(audit::Outcome::Refused, reason);
            entered.await?;
            return Ok(Outcome::Unknown);
        };
        let reads = matches!(class, ToolClass::Read | ToolClass::Public);
        if !reads {
            self.audit.ready()?;
        }
        if let Err(error) = self.confirmed(caller, class).await {
            let reason = Some("grant_not_confirmed");
            let entered = pending.finish_durably(audit::Outcome::Refused, reason);
            entered.await?;
            return Err(CallError::Other(error));
        }
        let outcome = self.registry.call(caller, name, arguments).await;
        let (came_of_it, reason) = in_the_log(&outcome);
        if reads {
            pending.finish(came_of_it, reason);
        } else {
            let entered = pending.finish_durably(came_of_it, reason);
            entered
                .await
                .map_err(|error| CallError::Other(not_entered(error)))?;
        }
        Ok(outcome)
    }

    /// Enters that somebody was shown the tools.
    ///
    /// # Errors
    /// [`AuditError::Full`] when there was no place for it; then nothing is
    /// shown.
    pub async fn enter_list(
        &self,
        caller: &Principal,
        correlation: Option<CorrelationId>,
    ) -> Result<(), AuditError> {
        let entry = Entry::of(caller, "tools/list").correlation(correlation.map(|id| id.0));
        let pending = self.audit.begin(entry).await?;
        pending.finish(audit::Outcome::Succeeded, None);
        Ok(())
    }

    /// Calls a public tool for somebody without a token.
    async fn call_anonymously(
        &self,
        name: &str,
        arguments: Option<JsonObject>,
        correlation: Option<CorrelationId>,
    ) -> Result<Outcome, CallError> {
        let entry = Entry::new("tools/call")
            .tool(name, arguments.as_ref())
            .correlation(correlation.map(|id| id.0));
        let pending = self.audit.begin(entry).await?;
        let outcome = self.registry.call_anonymously(name, arguments).await;
        let (came_of_it, reason) = in_the_log(&outcome);
        pending.finish(came_of_it, reason);
        Ok(outcome)
    }

    /// Whether a call that changes something may go on: the grant's row is
    /// read, so that a revocation counts at once and not within seconds.
    async fn confirmed(&self, caller: &Principal, class: ToolClass) -> Result<(), ErrorData> {
        if matches!(class, ToolClass::Read | ToolClass::Public) {
            return Ok(());
        }
        match self.grants.confirm(caller).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(ErrorData::invalid_request(
                "The sign-in was ended; sign in again.",
                None,
            )),
            Err(error) => {
                tracing::warn!(error = chain(&error), "a grant could not be confirmed");
                Err(ErrorData::internal_error(
                    "Storage does not answer, so the call was not made. Try again shortly.",
                    None,
                ))
            }
        }
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

/// What the audit log says of an outcome.
fn in_the_log(outcome: &Outcome) -> (audit::Outcome, Option<&'static str>) {
    match outcome {
        Outcome::Done(_) => (audit::Outcome::Succeeded, None),
        Outcome::Failed(_) => (audit::Outcome::Failed, Some("tool_error")),
        Outcome::Unknown => (audit::Outcome::Refused, Some("hidden_or_unknown_tool")),
    }
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

fn not_entered(error: AuditError) -> ErrorData {
    tracing::error!(
        error = chain(&error),
        "a call that was made is not yet entered"
    );
    ErrorData::internal_error(
        "The call was made, but the audit log could not be written in time. Look before you \
         repeat it.",
        None,
    )
}

fn answer(name: &str, outcome: Outcome) -> Result<CallToolResponse, ErrorData> {
    match outcome {
        Outcome::Done(value) => Ok(CallToolResult::structured(value).into()),
        Outcome::Failed(error) => Ok(failed(name, &error).into()),
        Outcome::Unknown => Err(unknown_tool(name)),
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

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (name, arguments) = (&request.name, request.arguments);
        let correlation = attached::<CorrelationId>(&context).copied();
        let outcome = if attached::<Anonymous>(&context).is_some() {
            self.call_anonymously(name, arguments, correlation).await
        } else {
            self.call_as(caller(&context)?, name, arguments, correlation)
                .await
        };
        let outcome = outcome.map_err(|error| told(error, &context))?;
        if let Outcome::Failed(error) = &outcome
            && let Some(challenge) = error.challenge()
            && let Some(slot) = attached::<ChallengeSlot>(&context)
        {
            slot.leave(challenge.clone());
        }
        answer(name, outcome)
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
