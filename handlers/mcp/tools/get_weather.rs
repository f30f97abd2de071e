//! `get_weather`: the weather now.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Services;
use super::city::weather_error;
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;
use crate::weather::{Alert, Alerts, Conditions, WeatherProvider};

/// The weather now, with the tenant's alerts for the place.
pub(super) struct GetWeather {
    weather: Arc<dyn WeatherProvider>,
    alerts: Arc<Alerts>,
}

impl GetWeather {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            weather: services.weather.clone(),
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
}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct Weather {
    #[serde(flatten)]
    conditions: Conditions,
    /// Your organisation's alerts for this city.
    alerts: Vec<Alert>,
}

impl Tool for GetWeather {
    const NAME: &'static str = "get_weather";
    const TITLE: &'static str = "Weather now";
    const DESCRIPTION: &'static str = "The current weather in a city: temperature, humidity, \
         wind and sky, with your organisation's weather alerts for that city.";
    const CLASS: ToolClass = ToolClass::Read;
    const EFFECTS: Effects = Effects {
        open_world: true,
        ..Effects::READS
    };
    type Arguments = Arguments;
    type Output = Weather;

    fn example() -> Value {
        json!({"city": "Lisbon"})
    }

    async fn call(&self, caller: &Principal, arguments: Arguments) -> Result<Weather, ToolError> {
        let city = arguments.city;
        let conditions = self
            .weather
            .now(&city)
            .await
            .map_err(|error| weather_error(&city, &error))?;
        let alerts = self.alerts.of(caller.tenant_id()).await?;
        let wanted = city.trim().to_lowercase();
        Ok(Weather {
            conditions,
            alerts: alerts
                .iter()
                .filter(|alert| alert.city.trim().to_lowercase() == wanted)
                .cloned()
                .collect(),
        })
    }
}
