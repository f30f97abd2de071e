//! `set_weather_alert`: an alert for everybody in the tenant.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Services;
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;
use crate::weather::{AlertError, Alerts, NewAlert};

/// Makes a weather alert.
pub(super) struct SetWeatherAlert {
    alerts: Arc<Alerts>,
}

impl SetWeatherAlert {
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
    /// The name of a city, such as `Lisbon`.
    #[schemars(length(min = 1, max = 100))]
    city: String,
    /// What to look out for, such as `storm` or `temperature above`.
    #[schemars(length(min = 1, max = 100))]
    condition: String,
    /// From which value on, if the condition has one.
    #[serde(default)]
    #[schemars(range(min = -1_000_000.0, max = 1_000_000.0))]
    threshold: Option<f64>,
    /// What people are told.
    #[serde(default)]
    #[schemars(length(max = 500))]
    message: Option<String>,
}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct Made {
    /// The alert's id, for `delete_weather_alert`.
    alert_id: Uuid,
}

impl Tool for SetWeatherAlert {
    const NAME: &'static str = "set_weather_alert";
    const TITLE: &'static str = "Set a weather alert";
    const DESCRIPTION: &'static str = "Sets a weather alert for a city. Everybody in your \
         organisation sees it with `get_weather`.";
    const CLASS: ToolClass = ToolClass::Write;
    const EFFECTS: Effects = Effects::WRITES;
    type Arguments = Arguments;
    type Output = Made;

    fn example() -> Value {
        json!({"city": "Lisbon", "condition": "storm", "message": "Stay inside."})
    }

    async fn call(&self, caller: &Principal, arguments: Arguments) -> Result<Made, ToolError> {
        let new = NewAlert {
            city: arguments.city,
            condition: arguments.condition,
            threshold: arguments.threshold,
            message: arguments.message,
        };
        match self.alerts.set(caller.tenant_id(), new).await {
            Ok(alert) => Ok(Made {
                alert_id: alert.alert_id,
            }),
            Err(AlertError::Storage(error)) => Err(error.into()),
            Err(error @ AlertError::TooMany) => Err(ToolError::new(error.to_string())),
        }
    }
}
