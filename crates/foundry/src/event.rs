use std::fmt::{self, Debug, Formatter};

use crate::consent::ConsentLink;

/// An event and its place in the response's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequenced<T> {
    /// The number to resume after: a stream resumed with `starting_after` set
    /// to it continues with the next event and loses none. It is the service's
    /// own `sequence_number`; where one event of the service became several
    /// here, all but the last carry the number before. It never decreases
    /// unless the service's does.
    pub sequence_number: u64,
    /// The event.
    pub event: T,
}

/// What happened in a response. Kinds that a chat has no use for are dropped
/// before they get here.
///
/// `Debug` shows kinds and identifiers, never text, arguments or links.
#[derive(Clone, PartialEq, Eq)]
pub enum ResponseEvent {
    /// The response exists. Once per stream, and not in one that was resumed
    /// after a number.
    Created {
        /// `resp_…`: the handle for resuming and for `previous_response_id`.
        response_id: String,
        /// The conversation that it belongs to.
        conversation: Option<String>,
    },
    /// A piece of the answer.
    TextDelta {
        /// To be appended to what came before.
        text: String,
    },
    /// A tool call began.
    ToolStarted {
        /// Item id; the matching [`ResponseEvent::ToolCompleted`] has the same.
        id: String,
        /// The tool's name, or the item's type for built-in tools.
        name: String,
        /// The MCP server that has the tool.
        server_label: Option<String>,
        /// What sort of tool.
        kind: ToolKind,
    },
    /// A tool call ended.
    ToolCompleted {
        /// Item id.
        id: String,
        /// Whether it failed.
        failed: bool,
    },
    /// A tool needs the user's consent at another service. Afterwards the same
    /// input is sent again with `previous_response_id` set to `response_id`.
    ConsentRequired {
        /// Item id; each is reported once, in whichever of its four shapes it
        /// came first.
        id: String,
        /// Where the user consents. The host has been checked.
        link: ConsentLink,
        /// The MCP server that wants it.
        server_label: Option<String>,
        /// The response that waits.
        response_id: Option<String>,
    },
    /// A tool call waits for the user's approval, to be given by
    /// [`crate::InputItem::Approval`].
    ApprovalRequired {
        /// The approval request's id.
        id: String,
        /// The tool's name.
        name: String,
        /// The arguments, JSON text.
        arguments: String,
        /// The MCP server that has the tool.
        server_label: Option<String>,
    },
    /// The model declined.
    Refusal {
        /// What it said.
        text: String,
    },
    /// The response is complete. Last event.
    Completed {
        /// The response.
        response_id: String,
        /// The whole text, when the service repeated it.
        text: Option<String>,
        /// Tokens used, when the service said.
        usage: Option<Usage>,
    },
    /// The response ended early. Last event.
    Incomplete {
        /// The response.
        response_id: String,
        /// `max_output_tokens`, `content_filter`, `cancelled`, …
        reason: String,
    },
    /// The response failed. Last event.
    Failed {
        /// The service's error code.
        code: Option<String>,
        /// The service's message, not for logs.
        message: String,
    },
}

impl ResponseEvent {
    /// Whether nothing follows.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Completed { .. } | Self::Incomplete { .. } | Self::Failed { .. }
        )
    }
}

impl Debug for ResponseEvent {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let (kind, id) = match self {
            Self::Created { response_id, .. } => ("Created", Some(response_id)),
            Self::TextDelta { .. } => ("TextDelta", None),
            Self::ToolStarted { id, .. } => ("ToolStarted", Some(id)),
            Self::ToolCompleted { id, .. } => ("ToolCompleted", Some(id)),
            Self::ConsentRequired { id, .. } => ("ConsentRequired", Some(id)),
            Self::ApprovalRequired { id, .. } => ("ApprovalRequired", Some(id)),
            Self::Refusal { .. } => ("Refusal", None),
            Self::Completed { response_id, .. } => ("Completed", Some(response_id)),
            Self::Incomplete { response_id, .. } => ("Incomplete", Some(response_id)),
            Self::Failed { code, .. } => ("Failed", code.as_ref()),
        };
        formatter
            .debug_struct(kind)
            .field("id", &id)
            .finish_non_exhaustive()
    }
}

/// What sort of tool a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolKind {
    /// A tool of an MCP server.
    Mcp,
    /// A function that the caller is to run.
    Function,
    /// Web search.
    WebSearch,
    /// Search in files.
    FileSearch,
    /// The code interpreter.
    CodeInterpreter,
    /// Image generation.
    ImageGeneration,
    /// Any other.
    Other,
}

impl ToolKind {
    /// The name for clients: `mcp`, `function`, `web_search`, …
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mcp => "mcp",
            Self::Function => "function",
            Self::WebSearch => "web_search",
            Self::FileSearch => "file_search",
            Self::CodeInterpreter => "code_interpreter",
            Self::ImageGeneration => "image_generation",
            Self::Other => "other",
        }
    }
}

/// Tokens that a response used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Both.
    pub total_tokens: u64,
}
