//! `get_weather_forecast`: the next days.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Services;
use super::city::weather_error;
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;
use crate::weather::{DayForecast, WeatherProvider};

/// The forecast for one to five days.
pub(super) struct GetWeatherForecast {
    weather: Arc<dyn WeatherProvider>,
}

impl GetWeatherForecast {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            weather: services.weather.clone(),
        }
    }
}

fn three() -> u8 {
    3
}

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The name of a city, such as `Lisbon`.
    #[schemars(length(min = 1, max = 100))]
    city: String,
    /// How many days, beginning today.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 5))]
    days: u8,
}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct Forecast {
    /// The city that was asked for.
    city: String,
    /// One entry for each day, today first.
    days: Vec<DayForecast>,
}

impl Tool for GetWeatherForecast {
    const NAME: &'static str = "get_weather_forecast";
    const TITLE: &'static str = "Weather forecast";
    const DESCRIPTION: &'static str =
        "The weather forecast for a city for one to five days, beginning today.";
    const CLASS: ToolClass = ToolClass::Read;
    const EFFECTS: Effects = Effects {
        open_world: true,
        ..Effects::READS
    };
    type Arguments = Arguments;
    type Output = Forecast;

    fn example() -> Value {
        json!({"city": "Lisbon", "days": 3})
    }

    async fn call(&self, _caller: &Principal, arguments: Arguments) -> Result<Forecast, ToolError> {
        let days = self
            .weather
            .forecast(&arguments.city, arguments.days)
            .await
            .map_err(|error| weather_error(&arguments.city, &error))?;
        Ok(Forecast {
            city: arguments.city,
            days,
        })
    }
}
