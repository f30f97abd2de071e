//! `ask_agent`: chat as a tool.

use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::{Clock, Random};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Services;
use super::remedy::tool_error;
use crate::chat::{Chat, Question, Step};
use crate::context::current_correlation_id;
use crate::identity::Principal;
use crate::mcp::{Effects, Progress, Tool, ToolError};
use crate::policy::ToolClass;

/// Steps that wait to be told.
const STEPS: usize = 16;

/// How long nothing new is told of an agent that speaks.
const QUIET: Duration = Duration::from_secs(1);

/// Asks a Foundry agent in the caller's name.
pub(super) struct AskAgent {
    chat: Arc<Chat>,
    random: Arc<dyn Random>,
    clock: Arc<dyn Clock>,
}

impl AskAgent {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            chat: services.chat.clone(),
            random: services.random.clone(),
            clock: services.system.clock.clone(),
        }
    }
}

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The agent's id, as `GET /api/agents` lists it.
    #[schemars(length(min = 1, max = 63))]
    agent: String,
    /// What to say.
    #[schemars(length(min = 1, max = 32000))]
    message: String,
    /// The session to go on with, as the answer before named it; a new one
    /// by default.
    #[serde(default)]
    #[schemars(with = "Option<String>", length(min = 36, max = 36))]
    session_id: Option<Uuid>,
}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct Answered {
    /// The session, to go on with.
    session_id: Uuid,
    /// What the agent said.
    answer: String,
    /// Consents that the agent waits for: open the link, then ask again.
    consent_required: Vec<Value>,
    /// Approvals that the agent waits for: given in the chat, not here.
    approval_required: Vec<Value>,
}

impl Tool for AskAgent {
    const NAME: &'static str = "ask_agent";
    const TITLE: &'static str = "Ask an agent";
    const DESCRIPTION: &'static str = "Says something to one of your organisation's agents, as \
         you, and waits for its answer. Give the session id back to go on with the conversation.";
    const CLASS: ToolClass = ToolClass::Write;
    const EFFECTS: Effects = Effects {
        open_world: true,
        ..Effects::WRITES
    };
    type Arguments = Arguments;
    type Output = Answered;

    fn example() -> Value {
        json!({"agent": "assistant", "message": "Who am I?"})
    }

    async fn call(&self, caller: &Principal, arguments: Arguments) -> Result<Answered, ToolError> {
        self.call_telling(caller, arguments, &Progress::untold())
            .await
    }

    async fn call_telling(
        &self,
        caller: &Principal,
        arguments: Arguments,
        progress: &Progress,
    ) -> Result<Answered, ToolError> {
        let question = Question {
            agent_id: arguments.agent,
            content: arguments.message,
            session_id: arguments.session_id,
            correlation_id: current_correlation_id().unwrap_or_else(|| self.random.uuid_v4()),
        };
        let (sender, steps) = mpsc::channel(STEPS);
        // Where the client is slow, it hears of fewer steps.
        let ask = self.chat.ask(caller, question, move |step| {
            let _ = sender.try_send(step);
        });
        let (answer, ()) = tokio::join!(ask, tell(steps, progress, self.clock.as_ref()));
        let answer = answer.map_err(|error| tool_error(&error))?;
        Ok(Answered {
            session_id: answer.message.session_id,
            answer: answer.message.content,
            consent_required: answer.consent_required,
            approval_required: answer.approval_required,
        })
    }
}

/// Tells the client what the agent does, until it does nothing more: each use
/// of a tool, and that it speaks once in a second.
async fn tell(mut steps: mpsc::Receiver<Step>, progress: &Progress, clock: &dyn Clock) {
    let mut told = 1;
    progress.tell(told, "The agent was asked.").await;
    let mut quiet_until = Duration::ZERO;
    while let Some(step) = steps.recv().await {
        let now = clock.monotonic();
        let message = match step {
            Step::UsesTool(name) => format!("The agent uses {name}."),
            Step::Speaks if now < quiet_until => continue,
            Step::Speaks => "The agent answers.".to_owned(),
        };
        told += 1;
        progress.tell(told, &message).await;
        quiet_until = now + QUIET;
    }
}
