//! `health_check`: how the server is.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Services;
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::ops::{Health, HealthReport};
use crate::policy::ToolClass;

/// The health of the server and of what it works with.
pub(super) struct HealthCheck {
    health: Arc<Health>,
}

impl HealthCheck {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            health: services.health.clone(),
        }
    }
}

/// It takes nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {}

impl Tool for HealthCheck {
    const NAME: &'static str = "health_check";
    const TITLE: &'static str = "Health";
    const DESCRIPTION: &'static str =
        "Whether this server and the services that it works with are operational.";
    const CLASS: ToolClass = ToolClass::Read;
    const EFFECTS: Effects = Effects::READS;
    type Arguments = Arguments;
    type Output = HealthReport;

    fn example() -> Value {
        json!({})
    }

    async fn call(
        &self,
        _caller: &Principal,
        _arguments: Arguments,
    ) -> Result<HealthReport, ToolError> {
        Ok(self.health.report().await)
    }
}
