//! Chat for other callers than the HTTP route: one question, one answer.

use std::sync::Arc;

use serde_json::Map;
use uuid::Uuid;

use super::answer::{Answer, Step};
use super::content::check_content;
use super::refusal::{no_such_agent, no_such_session};
use super::turn::{Input, TurnOrder};
use super::{Chat, ChatCaller};
use crate::error::{ApiError, chain};
use crate::identity::{Principal, UserPartition};

/// A question to an agent. Its `Debug` shows no text of people.
pub struct Question {
    /// The agent.
    pub agent_id: String,
    /// What is said: 1 to 32,000 characters.
    pub content: String,
    /// The session to go on with, which must be with the same agent; a new
    /// one by default.
    pub session_id: Option<Uuid>,
    /// Identifies the call in logs, here and at the agents' service.
    pub correlation_id: Uuid,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Question")
            .field("agent_id", &self.agent_id)
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}

impl Chat {
    /// Asks an agent in the caller's name and waits for the answer, whose
    /// message says which session it is in; `step` is told what the agent does
    /// meanwhile. Sessions, limits and rights are those of the HTTP routes.
    /// When this is dropped the agent's stream is closed, which is what ends
    /// its answer: nobody would come back for the rest.
    ///
    /// # Errors
    /// Those of `POST /api/sessions` and `POST /api/chat`.
    pub async fn ask(
        self: &Arc<Self>,
        caller: &Principal,
        question: Question,
        mut step: impl FnMut(Step) + Send,
    ) -> Result<Answer, ApiError> {
        let ChatCaller(caller) = ChatCaller::admit(caller.clone())?;
        let content = check_content(question.content)?;
        let partition = caller.partition();
        self.upstream(&caller, &question.agent_id).await?;
        let agent_id = &question.agent_id;
        let session_id = if let Some(id) = question.session_id {
            let found = self.store.find(&partition, id).await?;
            let found = found.ok_or_else(no_such_session)?;
            if found.session.agent_id != *agent_id {
                return Err(no_such_agent());
            }
            id
        } else {
            self.store.create(&partition, agent_id, None).await?.id
        };
        let order = TurnOrder {
            session_id,
            input: Input::Text(content),
            metadata: Map::new(),
            correlation_id: question.correlation_id,
            only_attended: true,
        };
        let started = self.start(caller, order).await;
        if started.is_err() && question.session_id.is_none() {
            self.discard(&partition, session_id).await;
        }
        let events = started?;
        step(Step::Asked);
        Answer::collect_telling(events, step).await
    }

    /// Takes back a session of which nobody was told. When that fails it stays,
    /// and the person can delete it.
    async fn discard(&self, partition: &UserPartition, session_id: Uuid) {
        if let Err(error) = self.store.delete(partition, session_id).await {
            tracing::warn!(error = chain(&error), "a session was not taken back");
        }
    }
}
