//! The agents that there are: `agents.json`. Who may use which is the
//! policy's matter.

use std::collections::BTreeSet;

use entrada_foundry::{Agent as FoundryAgent, Foundry, FoundrySettings, Route};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;

use crate::error::chain;

/// The file that names agents.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentsFile {
    /// The agents, in the order in which they are listed.
    pub agents: Vec<AgentEntry>,
}

/// An agent as the file describes it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentEntry {
    /// What clients and the policy call it: 1 to 63 characters of
    /// `[A-Za-z0-9._-]`.
    pub id: String,
    /// What people read.
    pub name: String,
    /// What it is good for.
    pub description: String,
    /// How it is reached; by default as `ENTRADA_FOUNDRY_ROUTE` says.
    #[serde(default)]
    pub route: Option<AgentRoute>,
    /// Its name in Foundry; by default the id.
    #[serde(default)]
    pub foundry_agent: Option<String>,
    /// The version to talk to, on the project route alone; by default the
    /// latest.
    #[serde(default)]
    pub version: Option<String>,
    /// The model that answers, on the route `openai` alone.
    #[serde(default)]
    pub model: Option<String>,
}

/// How an agent is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AgentRoute {
    /// The agent's own endpoint in the project.
    Agent,
    /// The project's endpoint.
    Project,
    /// A server that speaks the Responses API, without an agent.
    OpenAi,
}

/// What is wrong with the file, every fault at once.
#[derive(Debug, Error)]
#[error("{}", .0.join("; "))]
pub struct CatalogueFaults(Vec<String>);

/// An agent of the catalogue.
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
}

/// Where agents are reached.
#[derive(Debug, Clone)]
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
}

/// All agents.
#[derive(Debug, Default)]
pub struct Catalogue {
    agents: Vec<Agent>,
}

impl Catalogue {
    /// Reads and checks the file's text. Without a `service` agents are
    /// listed and none can be talked to.
    ///
    /// # Errors
    /// With every fault.
    pub fn parse(json: &str, service: Option<&AgentsService>) -> Result<Self, CatalogueFaults> {
        let file: AgentsFile = serde_json::from_str(json).map_err(|error| {
            CatalogueFaults(vec![format!("is not the documented JSON: {error}")])
        })?;
        let mut faults = Vec::new();
        let mut seen = BTreeSet::new();
        let mut agents = Vec::new();
        for entry in file.agents {
            if !seen.insert(entry.id.clone()) {
                faults.push(format!("agent `{}`: the id is there twice", entry.id));
            }
            let default = service.map_or(AgentRoute::Agent, |service| service.default_route);
            faults.extend(entry_faults(&entry, entry.route.unwrap_or(default)));
            match service.map(|service| upstream(&entry, service)).transpose() {
                Ok(upstream) => agents.push(Agent {
                    id: entry.id,
                    name: entry.name,
                    description: entry.description,
                    upstream,
                }),
                Err(fault) => faults.push(format!("agent `{}`: {fault}", entry.id)),
            }
        }
        if faults.is_empty() {
            Ok(Self { agents })
        } else {
            Err(CatalogueFaults(faults))
        }
    }

    /// Every agent, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &Agent> {
        self.agents.iter()
    }

    /// The agent of this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.id == id)
    }
}

fn entry_faults(entry: &AgentEntry, route: AgentRoute) -> Vec<String> {
    let foundry_name = entry.foundry_agent.as_ref().unwrap_or(&entry.id);
    let checks = [
        (
            !is_name(&entry.id),
            "`id` must have 1 to 63 characters of A-Z a-z 0-9 . _ -",
        ),
        (
            !is_name(foundry_name),
            "`foundry_agent` must have 1 to 63 characters of A-Z a-z 0-9 . _ -",
        ),
        (entry.name.trim().is_empty(), "`name` is empty"),
        (
            entry.version.is_some() && route != AgentRoute::Project,
            "`version` can be chosen on the route `project` alone",
        ),
        (
            entry.model.is_some() != (route == AgentRoute::OpenAi),
            "`model` belongs to the route `openai`, which needs it",
        ),
    ];
    checks
        .into_iter()
        .filter(|(wrong, _)| *wrong)
        .map(|(_, fault)| format!("agent `{}`: {fault}", entry.id))
        .collect()
}

fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.bytes().all(|byte| byte == b'.')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn upstream(entry: &AgentEntry, service: &AgentsService) -> Result<Upstream, String> {
    let mut settings = FoundrySettings::new(service.endpoint.clone());
    settings
        .consent_hosts
        .extend_from_slice(&service.consent_hosts);
    settings.route = match entry.route.unwrap_or(service.default_route) {
        AgentRoute::Agent => Route::AgentEndpoint,
        AgentRoute::Project => Route::Project,
        AgentRoute::OpenAi => Route::OpenAi {
            model: entry.model.clone().unwrap_or_default(),
        },
    };
    let foundry = Foundry::new(settings, service.http.clone()).map_err(|error| chain(&error))?;
    Ok(Upstream {
        foundry,
        agent: FoundryAgent {
            name: entry
                .foundry_agent
                .clone()
                .unwrap_or_else(|| entry.id.clone()),
            version: entry.version.clone(),
        },
    })
}

#[cfg(test)]
mod tests {
    use entrada_ambient::{NetworkOptions, http_client};

    use super::*;

    fn service() -> AgentsService {
        AgentsService {
            endpoint: "https://account.example/api/projects/p".parse().unwrap(),
            default_route: AgentRoute::Agent,
            consent_hosts: Vec::new(),
            http: http_client(&NetworkOptions::default()).unwrap(),
        }
    }

    #[test]
    fn agents_are_kept_in_the_order_of_the_file() {
        let json = r#"{"agents": [
            {"id": "b", "name": "B", "description": ""},
            {"id": "a", "name": "A", "description": "", "route": "project",
             "foundry_agent": "other", "version": "3"},
            {"id": "m", "name": "M", "description": "", "route": "openai", "model": "gpt"}
        ]}"#;
        let catalogue = Catalogue::parse(json, Some(&service())).unwrap();
        let ids: Vec<_> = catalogue.iter().map(|agent| agent.id.as_str()).collect();
        assert_eq!(ids, ["b", "a", "m"]);
        let upstream = catalogue.find("a").unwrap().upstream.as_ref().unwrap();
        assert_eq!(upstream.agent.name, "other");
        assert_eq!(upstream.agent.version.as_deref(), Some("3"));
        assert!(catalogue.find("c").is_none());
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let json = r#"{"agents": [
            {"id": "a b", "name": "", "description": ""},
            {"id": "v", "name": "V", "description": "", "version": "1"},
            {"id": "v", "name": "V", "description": ""},
            {"id": "m", "name": "M", "description": "", "route": "openai"}
        ]}"#;
        let faults = Catalogue::parse(json, Some(&service()))
            .unwrap_err()
            .to_string();
        for part in ["`a b`", "`name` is empty", "`version`", "twice", "`model`"] {
            assert!(faults.contains(part), "{part} is not in: {faults}");
        }
    }

    #[test]
    fn an_unknown_member_is_a_fault() {
        for json in [
            "",
            "[]",
            r#"{"agents": [{"id": "a", "name": "A", "description": "", "roles": []}]}"#,
            r#"{"agents": [{"id": "a", "name": "A", "description": "", "route": "classic"}]}"#,
        ] {
            assert!(Catalogue::parse(json, None).is_err(), "{json}");
        }
    }
}
