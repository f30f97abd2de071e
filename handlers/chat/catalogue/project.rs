//! The agents of the Foundry project, as the managed identity of this server
//! reads them. People are never waited for, and what is known stays known
//! while Foundry is away.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use entrada_foundry::{Foundry, FoundryError, ListedAgent};
use secrecy::SecretString;
use thiserror::Error;

use crate::chat::SCOPE;
use crate::error::chain;
use crate::first_load::FirstLoad;

/// How often the list is read while all is well.
const RELOAD_EVERY: Duration = Duration::from_mins(5);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// How long somebody may wait for the first list of a server that has just
/// started.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the list cannot be read.
#[derive(Debug, Error)]
pub enum ProjectError {
    /// The managed identity gets no token.
    #[error("the managed identity gets no token for Foundry")]
    NoToken(#[source] azure_core::Error),
    /// Foundry refuses, or does not answer.
    #[error("the agents of the project cannot be listed")]
    Foundry(#[from] FoundryError),
}

/// By name.
pub(super) type Listed = BTreeMap<String, ListedAgent>;

/// The agents of a project, read again and again.
pub struct ProjectAgents {
    foundry: Foundry,
    identity: Arc<dyn TokenCredential>,
    known: RwLock<Option<Arc<Listed>>>,
    /// Whether the last try failed.
    failing: AtomicBool,
    first: FirstLoad,
}

impl fmt::Debug for ProjectAgents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ProjectAgents")
            .field("foundry", &self.foundry)
            .finish_non_exhaustive()
    }
}

impl ProjectAgents {
    /// Those that `foundry` lists to `identity`. Nobody is asked yet.
    #[must_use]
    pub fn new(foundry: Foundry, identity: Arc<dyn TokenCredential>) -> Self {
        Self {
            foundry,
            identity,
            known: RwLock::default(),
            failing: AtomicBool::default(),
            first: FirstLoad::within(PATIENCE),
        }
    }

    /// Reads the list once. The one before stays when that fails.
    ///
    /// # Errors
    /// With the reason.
    pub async fn load(&self) -> Result<(), ProjectError> {
        let loaded = self.read().await;
        if let Ok(agents) = &loaded {
            let agents = Some(Arc::new(agents.clone()));
            *self.known.write().unwrap_or_else(PoisonError::into_inner) = agents;
        }
        self.failing.store(loaded.is_err(), Ordering::Relaxed);
        self.first.settle();
        loaded.map(drop)
    }

    async fn read(&self) -> Result<Listed, ProjectError> {
        let token = self.identity.get_token(&[SCOPE], None).await;
        let token = token.map_err(ProjectError::NoToken)?;
        let token = SecretString::from(token.token.secret().to_owned());
        let agents = self.foundry.list_agents(&token).await?;
        let by_name = |agent: ListedAgent| (agent.name.clone(), agent);
        Ok(agents.into_iter().map(by_name).collect())
    }

    /// Reads the list every five minutes; after a failure again and again,
    /// with growing waits, for ever. `read` is called whenever it was read.
    pub(super) async fn keep_loading(&self, mut read: impl FnMut() + Send) {
        let mut wait = FIRST_WAIT;
        let mut failing = false;
        loop {
            let pause = match self.load().await {
                Ok(()) => {
                    if failing {
                        tracing::info!("the agents of the Foundry project can be listed again");
                    }
                    (failing, wait) = (false, FIRST_WAIT);
                    read();
                    RELOAD_EVERY
                }
                Err(error) => {
                    if !failing {
                        warn(&error);
                    }
                    failing = true;
                    let pause = wait;
                    wait = (wait * 2).min(LONGEST_WAIT);
                    pause
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// What is known now; `None` while nothing is.
    pub(super) fn known(&self) -> Option<Arc<Listed>> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The same, for those who can wait a moment for a server that has just
    /// started.
    pub(super) async fn known_soon(&self) -> Option<Arc<Listed>> {
        self.first.settled().await;
        self.known()
    }

    /// Whether the last try failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }
}

fn warn(error: &ProjectError) {
    let hint = match error {
        ProjectError::Foundry(FoundryError::Forbidden { .. }) => {
            "give the managed identity the data action \
             Microsoft.CognitiveServices/accounts/AIServices/agents/read on the project"
        }
        ProjectError::Foundry(FoundryError::Unauthorized { .. }) => {
            "the project belongs to the tenant of the managed identity"
        }
        _ => "it is tried again",
    };
    tracing::warn!(
        error = chain(error),
        hint,
        "the agents of the Foundry project cannot be listed: names, descriptions and states are \
         those of before, or of agents.json"
    );
}
