//! What the settings name, looked at when the settings themselves have faults
//! and nothing can be put together: so one start names all there is to mend.

use std::path::Path;

use entrada_ambient::Environment;
use secrecy::SecretString;
use uuid::Uuid;

use super::files::{AGENTS, POLICY};
use super::secrets::{CERTIFICATE, RING, client_certificate};
use super::{Ambient, StartError, open_storage};
use crate::chat::{AgentRoute, AgentsFile};
use crate::config::StorageSettings;
use crate::error::chain;
use crate::identity::KeyRing;
use crate::policy::Policy;

/// What is wrong with the policy that the environment names.
fn policy_fault(environment: &dyn Environment) -> Option<StartError> {
    fault_of_file(environment, POLICY, |text| {
        Policy::parse(text, Uuid::nil()).map_err(|fault| fault.to_string())
    })
}

/// What is wrong with what the environment names: policy, agents, key ring,
/// certificate, storage.
pub(crate) fn named_faults(environment: &dyn Environment, ambient: &Ambient) -> Vec<StartError> {
    let route = match environment.get("ENTRADA_FOUNDRY_ROUTE").as_deref() {
        Some("project") => AgentRoute::Project,
        _ => AgentRoute::Agent,
    };
    let agents = fault_of_file(environment, AGENTS, |text| {
        AgentsFile::parse(text, route).map_err(|faults| faults.to_string())
    });
    let ring = environment.get(RING).map(SecretString::from);
    let ring = ring.and_then(|ring| KeyRing::parse(&ring).err());
    let certificate = environment.get(CERTIFICATE);
    let certificate = certificate
        .and_then(|path| client_certificate(Path::new(&path), Uuid::nil(), ambient).err());
    [
        policy_fault(environment),
        agents,
        ring.map(|error| StartError::new(RING, chain(&error))),
        certificate,
        storage_fault(environment, ambient),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn fault_of_file<T>(
    environment: &dyn Environment,
    name: &'static str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<StartError> {
    let path = environment.get(name)?;
    match std::fs::read_to_string(&path) {
        Ok(text) => read(&text).err().map(|what| StartError::new(name, what)),
        Err(error) => Some(StartError::new(name, format!("{path}: {error}"))),
    }
}

/// A connection string is looked at. A file is not: opening makes it.
fn storage_fault(environment: &dyn Environment, ambient: &Ambient) -> Option<StartError> {
    match StorageSettings::load(environment) {
        Ok(Some(storage @ StorageSettings::ConnectionString(_))) => {
            open_storage(&storage, None, ambient).err()
        }
        _ => None,
    }
}
