//! The agents that there are: those of `agents.json`, and what the Foundry
//! project says of them. Who may use which is the policy's matter.

mod file;
mod project;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use entrada_foundry::{Agent as FoundryAgent, Foundry, FoundrySettings, ListedAgent, Route};
use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

pub use file::{AgentEntry, AgentRoute, AgentsFile, CatalogueFaults};
use project::Listed;
pub use project::{ProjectAgents, ProjectError};

use crate::error::chain;

/// An agent that is offered.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Agent {
    /// What clients call it.
    pub id: String,
    /// What people read.
    pub name: String,
    /// What it is good for.
    pub description: String,
    #[serde(skip)]
    pub(super) upstream: Option<Upstream>,
}

/// The way to an agent.
#[derive(Debug, Clone)]
pub(super) struct Upstream {
    pub(super) foundry: Foundry,
    pub(super) agent: FoundryAgent,
    /// Whether answers go on when the connection is lost.
    pub(super) background: bool,
}

/// Where agents are reached.
#[derive(Clone)]
pub struct AgentsService {
    /// The Foundry project's endpoint, or the base URL of a server that
    /// speaks the Responses API.
    pub endpoint: Url,
    /// The route of agents that name none.
    pub default_route: AgentRoute,
    /// Hosts (suffixes) that consent links may lead to, beside Azure's.
    pub consent_hosts: Vec<String>,
    /// The network.
    pub http: reqwest::Client,
    /// The managed identity that lists the project's agents, where there is
    /// one.
    pub identity: Option<Arc<dyn TokenCredential>>,
}

/// Why an agent that there is cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// It was turned off in Foundry.
    Disabled,
    /// Foundry has none of this name.
    Missing,
    /// Which agents Foundry has is not known right now.
    NotListed,
}

/// An agent of the file that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnavailableAgent<'a> {
    /// What the file calls it.
    pub(crate) id: &'a str,
    /// Its name in Foundry.
    pub(crate) name: &'a str,
    /// Why.
    pub(crate) why: Unavailable,
}

impl<'a> UnavailableAgent<'a> {
    fn of(entry: &'a Entry, listed: Option<&Listed>) -> Option<Self> {
        Some(Self {
            id: &entry.id,
            name: entry.name_in_project.as_ref()?,
            why: entry.offer(listed).err()?,
        })
    }
}

/// An agent of the file.
#[derive(Debug)]
struct Entry {
    id: String,
    name: Option<String>,
    description: Option<String>,
    /// Its name in the project, if it is an agent of one.
    name_in_project: Option<String>,
    upstream: Option<Upstream>,
}

/// All agents.
#[derive(Debug, Default)]
pub struct Catalogue {
    entries: Vec<Entry>,
    /// The project, where it is read.
    project: Option<Arc<ProjectAgents>>,
    /// The way to agents that the file does not name, where they are offered.
    others: Option<Foundry>,
}

impl Catalogue {
    /// Reads and checks the file's text. Without a `service` agents are
    /// listed and none can be talked to.
    ///
    /// # Errors
    /// With every fault.
    pub fn parse(json: &str, service: Option<&AgentsService>) -> Result<Self, CatalogueFaults> {
        let default = service.map_or(AgentRoute::Agent, |service| service.default_route);
        let file = AgentsFile::parse(json, default)?;
        let mut faults = Vec::new();
        let mut entries = Vec::new();
        for entry in file.agents {
            let route = entry.route.unwrap_or(default);
            match service
                .map(|service| upstream(&entry, route, service))
                .transpose()
            {
                Ok(upstream) => entries.push(Entry {
                    name_in_project: entry.name_in_project(route).map(str::to_owned),
                    id: entry.id,
                    name: entry.name,
                    description: entry.description,
                    upstream,
                }),
                Err(fault) => faults.push(format!("agent `{}`: {fault}", entry.id)),
            }
        }
        let mut catalogue = Self {
            entries,
            ..Self::default()
        };
        if let Some(service) = service
            && let Err(fault) = catalogue.join_project(service, file.whole_project)
        {
            faults.push(fault);
        }
        if faults.is_empty() {
            Ok(catalogue)
        } else {
            Err(CatalogueFaults(faults))
        }
    }

    /// Has the project read, where anything is to be known of it and somebody
    /// can read it.
    fn join_project(&mut self, service: &AgentsService, whole: bool) -> Result<(), String> {
        let asked_for = whole
            || self
                .entries
                .iter()
                .any(|entry| entry.name_in_project.is_some());
        let Some(identity) = service.identity.clone().filter(|_| asked_for) else {
            return Ok(());
        };
        let foundry = client(service, Route::AgentEndpoint)?;
        self.project = Some(Arc::new(ProjectAgents::new(foundry, identity)));
        if whole {
            let route = match service.default_route {
                AgentRoute::Project => Route::Project,
                AgentRoute::Agent | AgentRoute::OpenAi => Route::AgentEndpoint,
            };
            self.others = Some(client(service, route)?);
        }
        Ok(())
    }

    /// The project, where it is read.
    #[must_use]
    pub fn project(&self) -> Option<&Arc<ProjectAgents>> {
        self.project.as_ref()
    }

    /// Whether all agents of the project are offered.
    #[must_use]
    pub fn is_whole_project(&self) -> bool {
        self.others.is_some()
    }

    /// Has the project read for as long as the process, if somebody can read
    /// it. Which agents of the file cannot be used is said when it changes.
    pub async fn keep_listing(&self) {
        let Some(project) = &self.project else {
            return;
        };
        let mut before = Vec::new();
        let tell = || {
            let now = self.unavailable();
            if now != before {
                tracing::warn!(agents = ?now, "agents of agents.json that cannot be used");
            }
            before = now;
        };
        project.keep_loading(tell).await;
    }

    /// Every agent that is offered: those of the file in its order, then the
    /// project's others by name.
    pub(super) async fn offered(&self) -> Vec<Agent> {
        let listed = match &self.project {
            Some(project) => project.known_soon().await,
            None => None,
        };
        let listed = listed.as_deref();
        let own = self.entries.iter();
        let mut agents: Vec<Agent> = own.filter_map(|entry| entry.offer(listed).ok()).collect();
        let others = listed.into_iter().flat_map(Listed::values);
        agents.extend(others.filter_map(|agent| self.other(agent)));
        agents
    }

    /// The agent of this id, if there is one. Only for one that the file does
    /// not name is the project waited for, and only right after the start.
    ///
    /// # Errors
    /// When it is there, or may be, and cannot be used.
    pub(super) async fn find(&self, id: &str) -> Result<Option<Agent>, Unavailable> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.id == id) {
            let listed = self.project.as_ref().and_then(|project| project.known());
            return entry.offer(listed.as_deref()).map(Some);
        }
        let (Some(project), Some(_)) = (&self.project, &self.others) else {
            return Ok(None);
        };
        let Some(listed) = project.known_soon().await else {
            return Err(Unavailable::NotListed);
        };
        match listed.get(id) {
            Some(agent) if !agent.is_enabled => Err(Unavailable::Disabled),
            agent => Ok(agent.and_then(|agent| self.other(agent))),
        }
    }

    /// An agent of the project that the file does not name, if such are
    /// offered.
    fn other(&self, agent: &ListedAgent) -> Option<Agent> {
        let foundry = self.others.clone()?;
        let named = |entry: &Entry| {
            entry.id == agent.name || entry.name_in_project.as_ref() == Some(&agent.name)
        };
        if !agent.is_enabled || self.entries.iter().any(named) {
            return None;
        }
        Some(Agent {
            id: agent.name.clone(),
            name: agent.name.clone(),
            description: agent.description.clone().unwrap_or_default(),
            upstream: Some(Upstream {
                foundry,
                agent: FoundryAgent {
                    name: agent.name.clone(),
                    version: None,
                },
                background: true,
            }),
        })
    }

    /// The agents of the file that Foundry has turned off, or has not; none
    /// while nothing is known of the project.
    pub(crate) fn unavailable(&self) -> Vec<UnavailableAgent<'_>> {
        let listed = self.project.as_ref().and_then(|project| project.known());
        let unavailable = |entry| UnavailableAgent::of(entry, listed.as_deref());
        self.entries.iter().filter_map(unavailable).collect()
    }

    /// Whether agents are missed because the project cannot be read.
    pub(crate) fn misses_agents(&self) -> bool {
        let failing = |project: &Arc<ProjectAgents>| project.is_failing();
        self.others.is_some() && self.project.as_ref().is_some_and(failing)
    }
}

impl Entry {
    /// The agent, as the file describes it and, where that is silent, as the
    /// project does.
    fn offer(&self, listed: Option<&Listed>) -> Result<Agent, Unavailable> {
        let listed = match (&self.name_in_project, listed) {
            (Some(name), Some(listed)) => Some(listed.get(name).ok_or(Unavailable::Missing)?),
            _ => None,
        };
        if listed.is_some_and(|agent| !agent.is_enabled) {
            return Err(Unavailable::Disabled);
        }
        let name = self.name.as_ref().or(self.name_in_project.as_ref());
        let described = listed.and_then(|agent| agent.description.as_ref());
        let description = self.description.as_ref().or(described);
        Ok(Agent {
            id: self.id.clone(),
            name: name.unwrap_or(&self.id).clone(),
            description: description.cloned().unwrap_or_default(),
            upstream: self.upstream.clone(),
        })
    }
}

fn client(service: &AgentsService, route: Route) -> Result<Foundry, String> {
    let mut settings = FoundrySettings::new(service.endpoint.clone());
    settings
        .consent_hosts
        .extend_from_slice(&service.consent_hosts);
    settings.route = route;
    Foundry::new(settings, service.http.clone()).map_err(|error| chain(&error))
}

fn upstream(
    entry: &AgentEntry,
    route: AgentRoute,
    service: &AgentsService,
) -> Result<Upstream, String> {
    let background = entry.background.unwrap_or(route != AgentRoute::OpenAi);
    let route = match route {
        AgentRoute::Agent => Route::AgentEndpoint,
        AgentRoute::Project => Route::Project,
        AgentRoute::OpenAi => Route::OpenAi {
            model: entry.model.clone().unwrap_or_default(),
        },
    };
    Ok(Upstream {
        foundry: client(service, route)?,
        agent: FoundryAgent {
            name: entry
                .foundry_agent
                .clone()
                .unwrap_or_else(|| entry.id.clone()),
            version: entry.version.clone(),
        },
        background,
    })
}

impl std::fmt::Debug for AgentsService {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AgentsService")
            .field("endpoint", &self.endpoint.as_str())
            .finish_non_exhaustive()
    }
}
