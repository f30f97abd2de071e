//! What health says.

use schemars::JsonSchema;
use serde::Serialize;

use crate::limits::{AddressesStatus, LimitsStatus};

/// How the server is as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything works.
    Healthy,
    /// It serves, but something is away.
    Degraded,
    /// It cannot serve people right now.
    Unhealthy,
}

/// How one service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceStatus {
    /// It answers.
    Operational,
    /// It answers, but not as it should, or what is kept of it is used.
    Degraded,
    /// It does not answer.
    Unavailable,
    /// Nobody set it up.
    NotConfigured,
}

/// How each service is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Services {
    /// This server.
    pub api: ServiceStatus,
    /// Microsoft Entra ID.
    pub azure_ad: ServiceStatus,
    /// Azure AI Foundry.
    pub azure_foundry: ServiceStatus,
    /// Table Storage or the embedded file.
    pub storage: ServiceStatus,
    /// Key Vault.
    pub key_vault: ServiceStatus,
}

/// The health of the server and of what it works with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HealthReport {
    /// As a whole.
    pub status: Status,
    /// One by one.
    pub services: Services,
    /// How this server proves to Microsoft Entra ID who it is.
    pub entra_credential: String,
    /// What does not work for want of something, and why; empty when nothing
    /// is missing.
    pub missing: Vec<MissingPiece>,
    /// Whether `/mcp` is served.
    pub mcp_enabled: bool,
    /// Whether limits hold across instances.
    pub limits: LimitsStatus,
    /// Whether limits by address can hold.
    pub client_addresses: AddressesStatus,
    /// When this was found, RFC 3339 UTC.
    pub timestamp: String,
    /// How far what is stored has been re-encrypted; absent while no
    /// encryption key has retired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub re_encryption: Option<ReEncryption>,
    /// When expired rows were last swept, RFC 3339 UTC; absent if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sweep: Option<String>,
}

/// How far what is stored has been re-encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReEncryption {
    /// Encryption keys that have retired.
    pub retired_keys: usize,
    /// Those of them under which something may still be stored.
    pub still_needed: usize,
    /// When all that is stored was last looked through, RFC 3339 UTC; absent
    /// if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_through: Option<String>,
}

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MissingPiece {
    /// What is missing: the code that requests for it are answered with, but
    /// for `CREDENTIAL_REFUSED` (they are `ENTRA_REFUSED`) and
    /// `AGENTS_UNAVAILABLE` (they are `AGENT_UNAVAILABLE`).
    pub code: String,
    /// The same in words.
    pub detail: String,
}

impl Services {
    /// The server as a whole: without storage or Entra nobody can be let in.
    #[must_use]
    pub fn overall(&self) -> Status {
        use ServiceStatus::{Degraded, Unavailable};
        let vital = [self.api, self.azure_ad, self.storage];
        let all = [
            self.api,
            self.azure_ad,
            self.azure_foundry,
            self.storage,
            self.key_vault,
        ];
        if vital.contains(&Unavailable) {
            Status::Unhealthy
        } else if all
            .iter()
            .any(|status| matches!(status, Degraded | Unavailable))
        {
            Status::Degraded
        } else {
            Status::Healthy
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_vital_services_make_the_server_unhealthy() {
        use ServiceStatus::{NotConfigured, Operational, Unavailable};
        let services = |storage, azure_foundry| Services {
            api: Operational,
            azure_ad: Operational,
            azure_foundry,
            storage,
            key_vault: NotConfigured,
        };
        assert_eq!(
            services(Operational, NotConfigured).overall(),
            Status::Healthy
        );
        assert_eq!(
            services(Operational, Unavailable).overall(),
            Status::Degraded
        );
        assert_eq!(
            services(Unavailable, Operational).overall(),
            Status::Unhealthy
        );
    }
}
