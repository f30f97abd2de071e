//! What the settings name in files: policy, agents.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;

use super::{Ambient, StartError};
use crate::chat::{AgentRoute, AgentsService, Catalogue};
use crate::config::Settings;
use crate::policy::{self, Policy};

const POLICY: &str = "ENTRADA_POLICY";
const AGENTS: &str = "ENTRADA_AGENTS";

/// The policy that the settings name, or the built-in one.
pub(crate) fn read_policy(settings: &Settings) -> Result<Policy, StartError> {
    let home = settings.entra.tenant_id;
    let parsed = match &settings.policy {
        None => Policy::parse(policy::DEFAULT, home),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| StartError::new(POLICY, format!("{}: {error}", path.display())))?;
            Policy::parse(&text, home)
        }
    };
    parsed.map_err(|error| StartError::new(POLICY, error.to_string()))
}

/// The agents, as the settings name them.
pub(crate) fn catalogue(
    settings: &Settings,
    identity: Option<&Arc<dyn TokenCredential>>,
    ambient: &Ambient,
) -> Result<Catalogue, StartError> {
    let Some(path) = &settings.agents else {
        return Ok(Catalogue::default());
    };
    let service = settings
        .foundry_endpoint
        .clone()
        .map(|endpoint| AgentsService {
            endpoint,
            default_route: if settings.foundry_project_route {
                AgentRoute::Project
            } else {
                AgentRoute::Agent
            },
            consent_hosts: settings.consent_hosts.clone(),
            http: ambient.http.clone(),
            identity: identity
                .filter(|_| settings.has_managed_identity())
                .cloned(),
        });
    let fault = |what: String| StartError::new(AGENTS, format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    Catalogue::parse(&text, service.as_ref()).map_err(|faults| fault(faults.to_string()))
}
