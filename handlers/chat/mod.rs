//! Chat with Foundry agents, as the signed-in person.
//!
//! A session belongs to a person; whose it is, is decided here and by storage
//! partitions alone, since the agents' service does not fence one user's
//! conversations from another's. One turn at a time goes on in a session.
//! Once begun it does not depend on its client: it is read to its end within
//! bounds, stored every two seconds, and can be gone on with on any instance.

pub mod agents_list;
pub mod agents_read;
mod answer;
mod ask;
mod asks;
mod caller;
mod calling;
mod catalogue;
mod content;
mod draft;
mod event_id;
mod events;
mod ledger;
mod limits;
mod listener;
mod message;
pub mod post;
mod reading;
mod refusal;
mod resume;
mod session;
pub mod sessions_create;
pub mod sessions_delete;
pub mod sessions_list;
pub mod sessions_read;
pub mod sessions_rename;
mod sse;
mod store;
#[cfg(test)]
mod tests;
mod title;
mod turn;
mod turns;

use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_tables::Tables;
use tokio::sync::Semaphore;

pub use answer::{Answer, Step};
pub use ask::Question;
pub use caller::ChatCaller;
pub(crate) use catalogue::UnavailableAgent;
pub use catalogue::{
    Agent, AgentEntry, AgentRoute, AgentsFile, AgentsService, Catalogue, CatalogueFaults,
    ProjectAgents, ProjectError, Unavailable,
};
pub use limits::ChatLimits;
pub use message::{Message, Role, Status};
pub use session::Session;
use store::SessionStore;
pub use store::TABLE;
use turns::Turns;

/// What the routes take and give, for the API's documentation.
pub(crate) mod shapes {
    pub(crate) use super::agents_list::Agents;
    pub(crate) use super::post::ChatRequest;
    pub(crate) use super::sessions_create::{NewSession, SessionAnswer};
    pub(crate) use super::sessions_list::{Sessions, SessionsQuery};
    pub(crate) use super::sessions_read::{MessagesQuery, SessionWithMessages};
    pub(crate) use super::sessions_rename::Rename;
}

use crate::audit::{Audit, Entry};
use crate::downstream::{Downstream, Remedies};
use crate::error::ApiError;
use crate::identity::{KeyRings, Principal, Revocations};
use crate::policy::Policy;

/// What is asked for at the agents' service (Microsoft: "Authentication and
/// authorization in Microsoft Foundry").
const SCOPE: &str = "https://ai.azure.com/.default";

/// The permission that people consent to for it (Microsoft: the delegated
/// permission of "Azure Machine Learning Services" that Foundry takes).
const PERMISSION: &str = "https://ai.azure.com/user_impersonation";

/// What chat is made from.
#[derive(Debug)]
pub struct ChatSources {
    /// Storage.
    pub tables: Arc<dyn Tables>,
    /// The agents.
    pub catalogue: Arc<Catalogue>,
    /// For tokens of the agents' service.
    pub downstream: Arc<Downstream>,
    /// For people of whom Entra wants something first.
    pub remedies: Remedies,
    /// Who may use which agent.
    pub policy: Arc<Policy>,
    /// Who was cut off, also in the middle of an answer.
    pub revocations: Arc<Revocations>,
    /// Where turns are entered.
    pub audit: Arc<Audit>,
    /// For event ids, and for what is stored encrypted.
    pub rings: Arc<KeyRings>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// Sessions, messages and turns.
#[derive(Debug)]
pub struct Chat {
    store: Arc<SessionStore>,
    catalogue: Arc<Catalogue>,
    downstream: Arc<Downstream>,
    remedies: Remedies,
    policy: Arc<Policy>,
    revocations: Arc<Revocations>,
    audit: Arc<Audit>,
    rings: Arc<KeyRings>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    limits: ChatLimits,
    /// Turns that are under way.
    turns: Arc<Turns>,
    /// Those of them that go on without a client.
    background: Arc<Semaphore>,
}

impl Chat {
    /// Chat within `limits`.
    #[must_use]
    pub fn new(sources: ChatSources, limits: ChatLimits) -> Self {
        Self {
            store: Arc::new(SessionStore {
                tables: sources.tables,
                clock: sources.clock.clone(),
                random: sources.random.clone(),
            }),
            catalogue: sources.catalogue,
            downstream: sources.downstream,
            remedies: sources.remedies,
            policy: sources.policy,
            revocations: sources.revocations,
            audit: sources.audit,
            rings: sources.rings,
            clock: sources.clock,
            random: sources.random,
            turns: Arc::new(Turns::new(limits.turns, limits.turns_of_one)),
            background: Arc::new(Semaphore::new(limits.background_turns)),
            limits,
        }
    }

    /// An agent that the caller may use; one that may not be used is as good
    /// as none, whatever Foundry says of it.
    async fn agent(&self, caller: &Principal, id: &str) -> Result<Agent, ApiError> {
        if !self.policy.allows_agent(caller, id) {
            return Err(refusal::no_such_agent());
        }
        match self.catalogue.find(id).await {
            Ok(Some(agent)) => Ok(agent),
            Ok(None) => Err(refusal::no_such_agent()),
            Err(why) => Err(refusal::agent_unavailable(why)),
        }
    }

    /// The same, and a refusal is entered.
    async fn agent_or_refusal(&self, caller: &Principal, id: &str) -> Result<Agent, ApiError> {
        let found = self.agent(caller, id).await;
        if let Err(error) = &found
            && error.code() == refusal::no_such_agent().code()
        {
            let entry = Entry::of(caller, "agents.read").agent(id);
            let entry = entry.refused("hidden_or_unknown_agent");
            self.audit.refuse(entry).await?;
        }
        found
    }
}
