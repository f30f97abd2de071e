//! What the settings hold or name in files: keys, policy, agents.

use super::{Ambient, StartError};
use crate::chat::{AgentRoute, AgentsService, Catalogue};
use crate::config::Settings;
use crate::error::chain;
use crate::identity::KeyRing;
use crate::policy::{self, Policy};

/// The key ring, as the settings give it.
pub(crate) fn key_ring(settings: &Settings) -> Result<KeyRing, StartError> {
    const NAME: &str = "ENTRADA_KEY_RING";
    let json = settings
        .key_ring
        .as_ref()
        .ok_or_else(|| StartError::new(NAME, "is not set; it must be a key ring as JSON"))?;
    KeyRing::parse(json).map_err(|error| StartError::new(NAME, chain(&error)))
}

/// The policy, as the settings give it.
pub(crate) fn read_policy(settings: &Settings) -> Result<Policy, StartError> {
    const NAME: &str = "ENTRADA_POLICY";
    let home = settings.entra.tenant_id;
    let parsed = match &settings.policy {
        None => Policy::parse(policy::DEFAULT, home),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| StartError::new(NAME, format!("{}: {error}", path.display())))?;
            Policy::parse(&text, home)
        }
    };
    parsed.map_err(|error| StartError::new(NAME, error.to_string()))
}

pub(super) fn catalogue(settings: &Settings, ambient: &Ambient) -> Result<Catalogue, StartError> {
    const NAME: &str = "ENTRADA_AGENTS";
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
        });
    let fault = |what: String| StartError::new(NAME, format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    Catalogue::parse(&text, service.as_ref()).map_err(|faults| fault(faults.to_string()))
}
