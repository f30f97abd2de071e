//! The "everything" server of MCP's conformance suite: the tools, resources
//! and prompts that the suite asks for, behind the product's own doors.

// Logging, sampling and roots are deprecated in MCP 2026-07-28, and the suite
// still asks for them.
#![expect(deprecated, reason = "the suite tests deprecated methods too")]

mod content;
mod input;
mod rounds;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use entrada::audit::{Audit, Entry, Outcome};
use entrada::identity::Principal;
use entrada::mcp::{RequestStates, Served};
use entrada::state::Pieces;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
    GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingLevel,
    LoggingMessageNotificationParam, PaginatedRequestParams, ProgressNotificationParam,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
    SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter, Tool,
    UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, RoleServer, SubscriptionContext};
use rmcp::{ErrorData, Peer};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::broadcast;

type Context = RequestContext<RoleServer>;

/// What the suite's tools wait between two things that they tell.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Tools,
    Prompts,
}

/// The handler.
#[derive(Clone)]
pub(super) struct Everything {
    audit: Arc<Audit>,
    states: RequestStates,
    tools: Arc<BTreeMap<String, Tool>>,
    changes: broadcast::Sender<Change>,
}

/// JSON as the type that goes over the wire.
fn typed<T: DeserializeOwned>(value: Value) -> Result<T, ErrorData> {
    serde_json::from_value(value)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn said(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

fn complete(mut result: Value) -> Result<CallToolResponse, ErrorData> {
    result["resultType"] = "complete".into();
    Ok(typed::<CallToolResult>(result)?.into())
}

fn principal(context: &Context) -> &Principal {
    let parts = context.extensions.get::<http::request::Parts>();
    let principal = parts.and_then(|parts| parts.extensions.get());
    principal.expect("the door lets nobody in without a principal")
}

/// Needs a stream from server to client that a session would have.
fn no_session() -> Result<CallToolResponse, ErrorData> {
    let mut result = said("This server keeps no sessions, so it cannot ask while a call is open.");
    result["isError"] = true.into();
    complete(result)
}

async fn log(peer: &Peer<RoleServer>, texts: &[&str]) {
    for text in texts {
        let told = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(text));
        let _ = peer.notify_logging_message(told).await;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn tell_progress(context: &Context) {
    let Some(token) = context.meta.get_progress_token() else {
        return;
    };
    for progress in [0.0, 50.0, 100.0] {
        let told = ProgressNotificationParam::new(token.clone(), progress).with_total(100.0);
        let _ = context.peer.notify_progress(told).await;
        tokio::time::sleep(PAUSE).await;
    }
}

impl Everything {
    /// The server beside these pieces.
    pub(super) fn new(pieces: &Pieces) -> Self {
        let tools: Vec<Tool> = serde_json::from_str(include_str!("tools.json")).unwrap();
        let tools = tools.into_iter().map(|tool| (tool.name.to_string(), tool));
        Self {
            audit: pieces.audit.clone(),
            states: pieces.mcp.request_states().clone(),
            tools: Arc::new(tools.collect()),
            changes: broadcast::channel(16).0,
        }
    }

    async fn call(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(answer) = content::of_tool(&request.name) {
            return complete(answer);
        }
        match &*request.name {
            "test_elicitation"
            | "test_elicitation_sep1034_defaults"
            | "test_elicitation_sep1330_enums"
            | "test_sampling" => no_session(),
            "test_logging_tool" => {
                if context.meta.log_level().is_some() {
                    log(&context.peer, &["Working"]).await;
                }
                complete(said("Logged for who asked for it."))
            }
            "test_missing_capability" => {
                let declared = context.client_capabilities();
                if declared.is_some_and(|declared| declared.sampling.is_some()) {
                    return complete(said("The client samples."));
                }
                let required = typed(json!({"sampling": {}}))?;
                Err(ErrorData::missing_required_client_capability(required))
            }
            "test_reconnection" => {
                tokio::time::sleep(PAUSE).await;
                complete(said("Done."))
            }
            "test_tool_with_logging" => {
                let texts = [
                    "Tool execution started",
                    "Tool processing data",
                    "Tool execution completed",
                ];
                log(&context.peer, &texts).await;
                complete(said("Logged three times."))
            }
            "test_tool_with_progress" => {
                tell_progress(&context).await;
                complete(said("Told three times."))
            }
            "test_trigger_prompt_change" => {
                let _ = self.changes.send(Change::Prompts);
                complete(said("The prompts have changed."))
            }
            "test_trigger_tool_change" => {
                let _ = self.changes.send(Change::Tools);
                complete(said("The tools have changed."))
            }
            _ => rounds::call(&self.states, &request, &context),
        }
    }
}

impl Served for Everything {}

impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_completions()
            .enable_logging()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_tools()
            .enable_tool_list_changed()
            .build();
        let mut config = ServerConfig::new(capabilities);
        config.server_info = Implementation::new("everything", env!("CARGO_PKG_VERSION"));
        config
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.tools.get(name).cloned()
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(
            self.tools.values().cloned().collect(),
        ))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        let entry = Entry::of(principal(&context), "tools/call")
            .tool(&request.name, request.arguments.as_ref());
        let pending = self.audit.begin(entry).await.expect("there is room");
        if !self.tools.contains_key(&*request.name) {
            pending.finish(Outcome::Refused, None);
            let message = format!("Unknown tool: {}", request.name);
            return Err(ErrorData::invalid_params(message, None));
        }
        let outcome = self.call(request, context).await;
        pending.finish(Outcome::Succeeded, None);
        outcome
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        typed(json!({"resultType": "complete", "resources": content::resources()}))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        typed(json!({"resultType": "complete", "resourceTemplates": content::templates()}))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let Some(contents) = content::of_resource(&request.uri) else {
            let data = json!({"uri": request.uri});
            return Err(ErrorData::resource_not_found(
                "Resource not found",
                Some(data),
            ));
        };
        let result = json!({"resultType": "complete", "contents": contents});
        Ok(ReadResourceResponse::Complete(typed(result)?))
    }

    async fn subscribe(
        &self,
        _request: SubscribeRequestParams,
        _context: Context,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _request: UnsubscribeRequestParams,
        _context: Context,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        loop {
            let change = tokio::select! {
                change = changes.recv() => change,
                () = context.cancelled() => return Ok(()),
            };
            let told = match change {
                Ok(Change::Tools) => context.sink().notify_tool_list_changed().await,
                Ok(Change::Prompts) => context.sink().notify_prompt_list_changed().await,
                Err(_) => return Ok(()),
            };
            // What the client did not ask for is refused by the sink.
            drop(told);
        }
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        let prompts: Value = serde_json::from_str(include_str!("prompts.json")).unwrap();
        typed(json!({"resultType": "complete", "prompts": prompts}))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = request.arguments.clone().unwrap_or_default();
        match content::of_prompt(&request.name, &arguments) {
            Some(messages) => {
                let result = json!({"resultType": "complete", "messages": messages});
                Ok(GetPromptResponse::Complete(typed(result)?))
            }
            None => rounds::prompt(&request),
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: Context,
    ) -> Result<CompleteResult, ErrorData> {
        let all = ["paris", "park", "party"];
        let begun = &request.argument.value;
        let values: Vec<_> = all.iter().filter(|text| text.starts_with(begun)).collect();
        typed(json!({"resultType": "complete", "completion": {"values": values, "hasMore": false}}))
    }

    async fn set_level(
        &self,
        _request: SetLevelRequestParams,
        _context: Context,
    ) -> Result<(), ErrorData> {
        Ok(())
    }
}
