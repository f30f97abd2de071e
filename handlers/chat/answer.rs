//! A whole answer, for who does not take events.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::events::{Ask, Events, TurnEvent};
use super::message::Message;
use super::sse::ask_data;
use crate::error::ApiError;

/// What an agent does on the way to its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It was asked, and has begun to answer.
    Asked,
    /// It said something more.
    Speaks,
    /// It began to use the tool of this name.
    UsesTool(String),
}

/// What came of a turn.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// The agent's message.
    pub message: Message,
    /// Consents that the agent waits for: `{id, link, server_label}`. A link
    /// is for the person alone and belongs in no log.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub consent_required: Vec<Value>,
    /// Approvals that the agent waits for: `{id, name, arguments,
    /// server_label}`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approval_required: Vec<Value>,
}

impl Answer {
    /// Waits for the end of a turn.
    ///
    /// # Errors
    /// What the turn failed with.
    pub(super) async fn collect(events: Events) -> Result<Self, ApiError> {
        Self::collect_telling(events, |_| {}).await
    }

    /// As [`Answer::collect`]; `step` is told what the agent does meanwhile.
    pub(super) async fn collect_telling(
        mut events: Events,
        mut step: impl FnMut(Step),
    ) -> Result<Self, ApiError> {
        let (mut consents, mut approvals) = (Vec::new(), Vec::new());
        while let Some(emitted) = events.recv().await {
            match emitted.event {
                TurnEvent::Asked(ask) => {
                    let list = match ask {
                        Ask::Consent { .. } => &mut consents,
                        Ask::Approval { .. } => &mut approvals,
                    };
                    list.push(ask_data(&ask));
                }
                TurnEvent::Completed(message) => {
                    return Ok(Self {
                        message,
                        consent_required: consents,
                        approval_required: approvals,
                    });
                }
                TurnEvent::Failed(error) => return Err(error),
                TurnEvent::Delta(_) => step(Step::Speaks),
                TurnEvent::ToolStarted { name, .. } => step(Step::UsesTool(name)),
                TurnEvent::ToolCompleted { .. } => {}
            }
        }
        Err(ApiError::internal("a turn ended without a last word"))
    }
}
