use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};

use serde::Serialize;

use crate::error::FoundryError;
use crate::settings::Route;

/// Most pairs of metadata that the API takes, and the longest key and value in
/// characters (`OpenAI` API reference, "metadata").
const METADATA_PAIRS: usize = 16;
const METADATA_KEY: usize = 64;
const METADATA_VALUE: usize = 512;

/// Longest agent name; names are Foundry's identifiers of agents.
const AGENT_NAME: usize = 63;

/// An agent of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its name: 1 to 63 characters of `[A-Za-z0-9._-]`. Not looked at on
    /// [`Route::OpenAi`].
    pub name: String,
    /// The version to talk to, on [`Route::Project`] alone: an agent endpoint
    /// serves the version that its owner published. `None` is the latest.
    pub version: Option<String>,
}

impl Agent {
    /// # Errors
    /// [`FoundryError::Invalid`] when the route cannot carry this agent.
    pub(crate) fn check(&self, route: &Route) -> Result<(), FoundryError> {
        let reason = match route {
            Route::OpenAi { .. } => return Ok(()),
            _ if !is_agent_name(&self.name) => {
                "agent name of 1 to 63 letters, digits, dots, dashes and underscores"
            }
            Route::AgentEndpoint if self.version.is_some() => {
                "an agent's version can be chosen on the project route alone"
            }
            _ => return Ok(()),
        };
        Err(FoundryError::Invalid { reason })
    }
}

/// Whether `text` can be the name of an agent.
pub(crate) fn is_agent_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=AGENT_NAME).contains(&text.len())
        && text.bytes().all(plain)
        && !text.bytes().all(|byte| byte == b'.')
}

/// One item of a request's input. `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
pub enum InputItem {
    /// What the user says.
    UserText {
        /// The message.
        text: String,
    },
    /// The user's answer to an approval request; goes with
    /// `previous_response_id` or the conversation of the response that asked.
    Approval {
        /// The id of the request.
        approval_request_id: String,
        /// Whether the tool may be called.
        approve: bool,
        /// Why, for the model.
        reason: Option<String>,
    },
    /// The result of a function that the caller ran.
    FunctionOutput {
        /// The call's `call_id`.
        call_id: String,
        /// The result, usually JSON text.
        output: String,
    },
}

impl Debug for InputItem {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::UserText { .. } => "UserText",
            Self::Approval { .. } => "Approval",
            Self::FunctionOutput { .. } => "FunctionOutput",
        };
        formatter.debug_struct(kind).finish_non_exhaustive()
    }
}

/// A request for a response. `Debug` shows no content.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseRequest {
    /// Who is to answer.
    pub agent: Agent,
    /// What is said; at least one item.
    pub input: Vec<InputItem>,
    /// The conversation that the turn belongs to. Not together with
    /// `previous_response_id`.
    pub conversation: Option<String>,
    /// The response that this one follows.
    pub previous_response_id: Option<String>,
    /// At most 16 pairs; keys of at most 64 and values of at most 512
    /// characters.
    pub metadata: BTreeMap<String, String>,
    /// Whether the service goes on when the connection is lost, so that
    /// [`crate::Foundry::resume`] can read the rest; then
    /// [`crate::Foundry::cancel`] ends it early. Servers that cannot do so may
    /// refuse it or pass it over.
    pub background: bool,
}

impl ResponseRequest {
    /// A request with nothing but an agent and what the user says.
    #[must_use]
    pub fn text(agent: Agent, text: impl Into<String>) -> Self {
        Self {
            agent,
            input: vec![InputItem::UserText { text: text.into() }],
            conversation: None,
            previous_response_id: None,
            metadata: BTreeMap::new(),
            background: false,
        }
    }

    /// # Errors
    /// [`FoundryError::Invalid`] when the request breaks a limit of the API.
    pub(crate) fn check(&self, route: &Route) -> Result<(), FoundryError> {
        self.agent.check(route)?;
        check_metadata(&self.metadata)?;
        let reason = if self.input.is_empty() {
            "input of at least one item"
        } else if self.conversation.is_some() && self.previous_response_id.is_some() {
            "either a conversation or a previous response"
        } else {
            return Ok(());
        };
        Err(FoundryError::Invalid { reason })
    }
}

impl Debug for ResponseRequest {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ResponseRequest")
            .field("agent", &self.agent)
            .field("conversation", &self.conversation)
            .field("previous_response_id", &self.previous_response_id)
            .finish_non_exhaustive()
    }
}

/// # Errors
/// [`FoundryError::Invalid`] when the pairs exceed what the API takes.
pub(crate) fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), FoundryError> {
    let reason = if metadata.len() > METADATA_PAIRS {
        "at most 16 pairs of metadata"
    } else if metadata
        .keys()
        .any(|key| key.is_empty() || key.chars().count() > METADATA_KEY)
    {
        "metadata keys of 1 to 64 characters"
    } else if metadata
        .values()
        .any(|value| value.chars().count() > METADATA_VALUE)
    {
        "metadata values of at most 512 characters"
    } else {
        return Ok(());
    };
    Err(FoundryError::Invalid { reason })
}

/// Body of `POST …/responses`.
#[derive(Serialize)]
pub(crate) struct ResponseBody<'a> {
    input: Vec<WireInput<'a>>,
    stream: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    background: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_reference: Option<AgentReference<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_response_id: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
}

impl<'a> ResponseBody<'a> {
    pub(crate) fn new(request: &'a ResponseRequest, route: &'a Route) -> Self {
        Self {
            input: request.input.iter().map(WireInput::from).collect(),
            stream: true,
            background: request.background,
            agent_reference: matches!(route, Route::Project)
                .then(|| AgentReference::from(&request.agent)),
            model: match route {
                Route::OpenAi { model } => Some(model),
                Route::AgentEndpoint | Route::Project => None,
            },
            conversation: request.conversation.as_deref(),
            previous_response_id: request.previous_response_id.as_deref(),
            metadata: &request.metadata,
        }
    }
}

/// Body of `POST …/conversations`.
#[derive(Serialize)]
pub(crate) struct ConversationBody<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct AgentReference<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
}

impl<'a> From<&'a Agent> for AgentReference<'a> {
    fn from(agent: &'a Agent) -> Self {
        Self {
            kind: "agent_reference",
            name: &agent.name,
            version: agent.version.as_deref(),
        }
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireInput<'a> {
    Message {
        role: &'static str,
        content: &'a str,
    },
    Approval {
        #[serde(rename = "type")]
        kind: &'static str,
        approval_request_id: &'a str,
        approve: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
    FunctionOutput {
        #[serde(rename = "type")]
        kind: &'static str,
        call_id: &'a str,
        output: &'a str,
    },
}

impl<'a> From<&'a InputItem> for WireInput<'a> {
    fn from(item: &'a InputItem) -> Self {
        match item {
            InputItem::UserText { text } => Self::Message {
                role: "user",
                content: text,
            },
            InputItem::Approval {
                approval_request_id,
                approve,
                reason,
            } => Self::Approval {
                kind: "mcp_approval_response",
                approval_request_id,
                approve: *approve,
                reason: reason.as_deref(),
            },
            InputItem::FunctionOutput { call_id, output } => Self::FunctionOutput {
                kind: "function_call_output",
                call_id,
                output,
            },
        }
    }
}
