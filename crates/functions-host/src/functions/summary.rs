use super::{Function, Trigger};

/// A function of the package, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSummary {
    /// The folder's name.
    pub name: String,
    /// Switched off.
    pub disabled: bool,
    /// What starts it.
    pub trigger: TriggerSummary,
}

/// What starts a function, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerSummary {
    /// An HTTP request.
    Http {
        /// Methods as declared; empty means every method.
        methods: Vec<String>,
        /// Path on the host, with the route prefix and a leading slash, as a
        /// template.
        path: String,
    },
    /// A timer.
    Timer {
        /// The NCRONTAB expression.
        schedule: String,
    },
    /// A call of an MCP tool.
    McpTool {
        /// The tool's name.
        tool: String,
    },
    /// A read of an MCP resource.
    McpResource {
        /// The resource's URI, or the template of it.
        uri: String,
    },
    /// A request for an MCP prompt.
    McpPrompt {
        /// The prompt's name.
        prompt: String,
    },
}

impl From<&Function> for FunctionSummary {
    fn from(function: &Function) -> Self {
        Self {
            name: function.name.clone(),
            disabled: function.disabled,
            trigger: match &function.trigger {
                Trigger::Http(trigger) => TriggerSummary::Http {
                    methods: trigger.methods.clone().unwrap_or_default(),
                    path: format!("/{}", trigger.template.as_str().trim_start_matches('/')),
                },
                Trigger::Timer(trigger) => TriggerSummary::Timer {
                    schedule: trigger.schedule.clone(),
                },
                Trigger::McpTool(trigger) => TriggerSummary::McpTool {
                    tool: trigger.tool_name.clone(),
                },
                Trigger::McpResource(trigger) => TriggerSummary::McpResource {
                    uri: trigger.uri.as_str().to_owned(),
                },
                Trigger::McpPrompt(trigger) => TriggerSummary::McpPrompt {
                    prompt: trigger.name.clone(),
                },
            },
        }
    }
}
