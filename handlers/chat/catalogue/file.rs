//! `agents.json`: what it may say, and what can be wrong with it.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;
use thiserror::Error;

/// The file that names agents.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentsFile {
    /// Where the schema of this file is; for editors.
    #[serde(default, rename = "$schema")]
    pub schema: Option<String>,
    /// The agents, in the order in which they are listed.
    pub agents: Vec<AgentEntry>,
    /// Whether every other agent of the Foundry project is offered too, after
    /// them and by its name there: to those whom `policy.json` gives it. The
    /// managed identity of the server reads which there are; where there is
    /// none, none is offered.
    #[serde(default)]
    pub whole_project: bool,
}

/// An agent as the file describes it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentEntry {
    /// What clients and the policy call it: 1 to 63 characters of
    /// `[A-Za-z0-9._-]`.
    pub id: String,
    /// What people read; by default its name in Foundry.
    #[serde(default)]
    pub name: Option<String>,
    /// What it is good for; by default what Foundry says of it.
    #[serde(default)]
    pub description: Option<String>,
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
    /// Whether its answers go on when the connection to it is lost, so that
    /// an answer outlives the instance that reads it (Responses API,
    /// `background`). Costs a moment before the first word. By default `true`,
    /// on the route `openai` `false`.
    #[serde(default)]
    pub background: Option<bool>,
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
pub struct CatalogueFaults(pub(super) Vec<String>);

impl AgentsFile {
    /// Reads and checks the file's text. Agents that name no route have
    /// `default_route`.
    ///
    /// # Errors
    /// With every fault.
    pub fn parse(json: &str, default_route: AgentRoute) -> Result<Self, CatalogueFaults> {
        let file: Self = serde_json::from_str(json).map_err(|error| {
            CatalogueFaults(vec![format!("is not the documented JSON: {error}")])
        })?;
        let mut faults = Vec::new();
        let mut seen = BTreeSet::new();
        for entry in &file.agents {
            if !seen.insert(&entry.id) {
                faults.push(format!("agent `{}`: the id is there twice", entry.id));
            }
            faults.extend(entry.faults(entry.route.unwrap_or(default_route)));
        }
        if faults.is_empty() {
            Ok(file)
        } else {
            Err(CatalogueFaults(faults))
        }
    }
}

impl AgentEntry {
    /// Its name in Foundry, where it is an agent of a project.
    pub(super) fn name_in_project(&self, route: AgentRoute) -> Option<&str> {
        (route != AgentRoute::OpenAi)
            .then(|| self.foundry_agent.as_ref().unwrap_or(&self.id).as_str())
    }

    /// What is wrong with it.
    fn faults(&self, route: AgentRoute) -> Vec<String> {
        let foundry_name = self.foundry_agent.as_ref().unwrap_or(&self.id);
        let name = self.name.as_deref();
        let checks = [
            (
                !is_name(&self.id),
                "`id` must have 1 to 63 characters of A-Z a-z 0-9 . _ -",
            ),
            (
                !is_name(foundry_name),
                "`foundry_agent` must have 1 to 63 characters of A-Z a-z 0-9 . _ -",
            ),
            (
                name.is_some_and(|name| name.trim().is_empty()),
                "`name` is empty",
            ),
            (
                self.version.is_some() && route != AgentRoute::Project,
                "`version` can be chosen on the route `project` alone",
            ),
            (
                self.model.is_some() != (route == AgentRoute::OpenAi),
                "`model` belongs to the route `openai`, which needs it",
            ),
        ];
        checks
            .into_iter()
            .filter(|(wrong, _)| *wrong)
            .map(|(_, fault)| format!("agent `{}`: {fault}", self.id))
            .collect()
    }
}

fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.bytes().all(|byte| byte == b'.')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
