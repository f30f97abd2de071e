//! What the client of a turn is told while it goes on.

use entrada_foundry::{ConsentLink, ToolKind};
use serde::Serialize;
use tokio::sync::mpsc;

use super::message::Message;
use crate::error::ApiError;

/// How far a client has come in an answer, so that it can go on from there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Position {
    /// The number of the answer's message in its session.
    pub(super) number: i64,
    /// The number of the last event of the agent's response.
    pub(super) sequence: u64,
    /// Bytes of text that were told.
    pub(super) offset: usize,
}

/// An event and what it completes.
#[derive(Debug)]
pub(super) struct Emitted {
    pub(super) position: Position,
    /// The agent's response; none before it is known.
    pub(super) response_id: Option<String>,
    pub(super) event: TurnEvent,
}

/// An event of a turn. `Debug` shows kinds, never text, arguments or links.
pub(super) enum TurnEvent {
    /// More text.
    Delta(String),
    /// A tool call began.
    ToolStarted {
        id: String,
        name: String,
        server_label: Option<String>,
        kind: ToolKind,
    },
    /// A tool call ended.
    ToolCompleted { id: String, failed: bool },
    /// The agent asks something of the person.
    Asked(Ask),
    /// The answer has ended, whole or not, and is stored.
    Completed(Message),
    /// Nothing more comes.
    Failed(ApiError),
}

impl std::fmt::Debug for TurnEvent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What an agent asks of the person: consent at another service, or approval
/// of a tool call.
#[derive(Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Ask {
    /// Consent: a page to open, then the same message again.
    Consent {
        id: String,
        link: String,
        server_label: Option<String>,
    },
    /// Approval: answered by `approval` in the body of the next call.
    Approval {
        id: String,
        name: String,
        arguments: String,
        server_label: Option<String>,
    },
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Consent { .. } => "Consent",
            Self::Approval { .. } => "Approval",
        })
    }
}

impl Ask {
    /// The id, the agent's own.
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Consent { id, .. } | Self::Approval { id, .. } => id,
        }
    }

    pub(super) fn consent(id: String, link: &ConsentLink, server_label: Option<String>) -> Self {
        Self::Consent {
            id,
            link: link.expose().to_owned(),
            server_label,
        }
    }
}

impl TurnEvent {
    /// The event's name in the stream.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Delta(_) => "message.delta",
            Self::ToolStarted { .. } => "tool.started",
            Self::ToolCompleted { .. } => "tool.completed",
            Self::Asked(Ask::Consent { .. }) => "consent.required",
            Self::Asked(Ask::Approval { .. }) => "approval.required",
            Self::Completed(_) => "message.completed",
            Self::Failed(_) => "error",
        }
    }

    /// What the person has to do at Entra first, if that is what `error` says:
    /// the link, in the place where agents' own consents come.
    pub(super) fn step_up(error: &ApiError) -> Option<Self> {
        let link = error.step_up()?;
        Some(Self::Asked(Ask::Consent {
            id: error.code().to_lowercase(),
            link: link.expose().to_owned(),
            server_label: None,
        }))
    }
}

/// The client's end of a turn. Dropping it means that the client went away.
pub(super) type Events = mpsc::Receiver<Emitted>;
