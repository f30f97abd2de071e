//! What the package declares: one folder with a `function.json` per function.

mod binding;
mod conflicts;
mod crontab;
mod discovery;
mod http_trigger;
mod mcp_metadata;
mod mcp_prompt_trigger;
mod mcp_resource_trigger;
mod mcp_tool_trigger;
mod resource_uri;
mod summary;
mod timer_trigger;

pub(crate) use discovery::discover;
pub(crate) use http_trigger::{AuthorizationLevel, HttpTrigger};
pub(crate) use mcp_prompt_trigger::{McpPromptTrigger, PromptArgument};
pub(crate) use mcp_resource_trigger::McpResourceTrigger;
pub(crate) use mcp_tool_trigger::McpToolTrigger;
pub(crate) use resource_uri::ResourceUri;
pub use summary::{FunctionSummary, TriggerSummary};
pub(crate) use timer_trigger::TimerTrigger;

/// A declared function that passed every check.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// The folder's name; wrapped calls go to `POST /{name}`.
    pub(crate) name: String,
    /// Switched off by `disabled` in its `function.json` or by an app setting.
    pub(crate) disabled: bool,
    pub(crate) trigger: Trigger,
}

/// What starts a function.
#[derive(Debug, Clone)]
pub(crate) enum Trigger {
    Http(HttpTrigger),
    Timer(TimerTrigger),
    McpTool(Box<McpToolTrigger>),
    McpResource(Box<McpResourceTrigger>),
    McpPrompt(Box<McpPromptTrigger>),
}
