//! `admin_system_status`: how the server is, in more detail than health.

use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::Clock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Services;
use crate::identity::{KeyRings, KeySummary, Principal, Revocations};
use crate::mcp::{Effects, Tool, ToolError};
use crate::ops::{Health, HealthReport};
use crate::policy::ToolClass;
use crate::weather::Alerts;

/// What the status is made of, beside health.
#[derive(Debug, Clone)]
pub struct SystemSources {
    /// Our keys.
    pub rings: Arc<KeyRings>,
    /// The revocation list.
    pub revocations: Arc<Revocations>,
    /// Where state lives, in a word.
    pub storage: &'static str,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// How the server is.
pub(super) struct AdminSystemStatus {
    health: Arc<Health>,
    alerts: Arc<Alerts>,
    sources: SystemSources,
}

impl AdminSystemStatus {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            health: services.health.clone(),
            alerts: services.alerts.clone(),
            sources: services.system.clone(),
        }
    }
}

/// It takes nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct SystemStatus {
    /// The version of this server.
    version: &'static str,
    /// How long this process has run, in seconds.
    uptime_seconds: u64,
    /// Health, as `health_check` gives it.
    health: HealthReport,
    /// Where state lives.
    storage: &'static str,
    /// The keys in use, never their material; null while none are loaded.
    keys: Option<Vec<KeySummary>>,
    /// The list of what was cut off.
    revocations: RevocationStatus,
    /// How much there is of what.
    counts: Counts,
}

/// The revocation list of this process.
#[derive(Serialize, JsonSchema)]
struct RevocationStatus {
    /// Whether it is young enough to let anybody in.
    fresh: bool,
    /// Its age in seconds; null if it was never loaded.
    age_seconds: Option<u64>,
    /// What is on it.
    entries: usize,
}

/// How much there is of what.
#[derive(Serialize, JsonSchema)]
struct Counts {
    /// Weather alerts of your organisation.
    weather_alerts: usize,
}

impl Tool for AdminSystemStatus {
    const NAME: &'static str = "admin_system_status";
    const TITLE: &'static str = "System status";
    const DESCRIPTION: &'static str = "How this server is: health, version, where state lives, \
         which keys are in use, and how old the revocation list is.";
    const CLASS: ToolClass = ToolClass::Admin;
    const EFFECTS: Effects = Effects::READS;
    type Arguments = Arguments;
    type Output = SystemStatus;

    fn example() -> Value {
        json!({})
    }

    async fn call(
        &self,
        caller: &Principal,
        _arguments: Arguments,
    ) -> Result<SystemStatus, ToolError> {
        let revocations = &self.sources.revocations;
        Ok(SystemStatus {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: self.sources.clock.monotonic().as_secs(),
            health: self.health.report().await,
            storage: self.sources.storage,
            keys: self.sources.rings.current().ok().map(|ring| ring.summary()),
            revocations: RevocationStatus {
                fresh: revocations.is_fresh(),
                age_seconds: revocations.age().map(|age| Duration::as_secs(&age)),
                entries: revocations.len(),
            },
            counts: Counts {
                weather_alerts: self.alerts.of(caller.tenant_id()).await?.len(),
            },
        })
    }
}
