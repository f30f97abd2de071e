//! `admin_weather_stats`: how many alerts there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Services;
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;
use crate::weather::Alerts;

/// Counts the tenant's alerts.
pub(super) struct AdminWeatherStats {
    alerts: Arc<Alerts>,
}

impl AdminWeatherStats {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            alerts: services.alerts.clone(),
        }
    }
}

/// It takes nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct Stats {
    /// All alerts of the tenant.
    alerts: usize,
    /// Alerts by city.
    by_city: BTreeMap<String, usize>,
}

impl Tool for AdminWeatherStats {
    const NAME: &'static str = "admin_weather_stats";
    const TITLE: &'static str = "Weather statistics";
    const DESCRIPTION: &'static str =
        "How many weather alerts your organisation has set, in all and by city.";
    const CLASS: ToolClass = ToolClass::Admin;
    const EFFECTS: Effects = Effects::READS;
    type Arguments = Arguments;
    type Output = Stats;

    fn example() -> Value {
        json!({})
    }

    async fn call(&self, caller: &Principal, _arguments: Arguments) -> Result<Stats, ToolError> {
        let alerts = self.alerts.of(caller.tenant_id()).await?;
        let mut by_city = BTreeMap::new();
        for alert in alerts.iter() {
            *by_city.entry(alert.city.clone()).or_default() += 1;
        }
        Ok(Stats {
            alerts: alerts.len(),
            by_city,
        })
    }
}
