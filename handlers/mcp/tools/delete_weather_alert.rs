//! `delete_weather_alert`: takes an alert away.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Services;
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;
use crate::weather::Alerts;

/// Deletes a weather alert of the caller's tenant.
pub(super) struct DeleteWeatherAlert {
    alerts: Arc<Alerts>,
}

impl DeleteWeatherAlert {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            alerts: services.alerts.clone(),
        }
    }
}

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The id that `set_weather_alert` gave.
    #[schemars(with = "String", length(min = 36, max = 36))]
    alert_id: Uuid,
}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct Deleted {
    /// The alert that is gone.
    alert_id: Uuid,
}

impl Tool for DeleteWeatherAlert {
    const NAME: &'static str = "delete_weather_alert";
    const TITLE: &'static str = "Delete a weather alert";
    const DESCRIPTION: &'static str =
        "Deletes a weather alert of your organisation by the id that `set_weather_alert` gave.";
    const CLASS: ToolClass = ToolClass::Delete;
    const EFFECTS: Effects = Effects::DELETES;
    type Arguments = Arguments;
    type Output = Deleted;

    fn example() -> Value {
        json!({"alert_id": "01890a5d-ac96-774b-bcce-b302099a8057"})
    }

    async fn call(&self, caller: &Principal, arguments: Arguments) -> Result<Deleted, ToolError> {
        let alert_id = arguments.alert_id;
        if self.alerts.delete(caller.tenant_id(), alert_id).await? {
            Ok(Deleted { alert_id })
        } else {
            Err(ToolError::new(
                "Your organisation has no alert with this id.",
            ))
        }
    }
}
