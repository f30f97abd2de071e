//! The tools, one in each file. A new one is a file here and a line in
//! [`registry`].

mod admin_weather_stats;
mod city;
mod delete_weather_alert;
mod get_weather;
mod get_weather_forecast;
mod health_check;
mod set_weather_alert;
mod whoami;

use std::sync::Arc;

use crate::mcp::registry::{DefinitionError, Registry};
use crate::ops::Health;
use crate::policy::Policy;
use crate::weather::{Alerts, WeatherProvider};

/// What tools work with.
#[derive(Debug, Clone)]
pub struct Services {
    /// The weather.
    pub weather: Arc<dyn WeatherProvider>,
    /// The tenants' alerts.
    pub alerts: Arc<Alerts>,
    /// How the server is.
    pub health: Arc<Health>,
}

/// Every tool of the server.
///
/// # Errors
/// When a tool's own definition is at fault.
pub fn registry(services: &Services, policy: Arc<Policy>) -> Result<Registry, DefinitionError> {
    Registry::new(policy)
        .with(get_weather::GetWeather::new(services))?
        .with(get_weather_forecast::GetWeatherForecast::new(services))?
        .with(set_weather_alert::SetWeatherAlert::new(services))?
        .with(delete_weather_alert::DeleteWeatherAlert::new(services))?
        .with(admin_weather_stats::AdminWeatherStats::new(services))?
        .with(health_check::HealthCheck::new(services))?
        .with(whoami::Whoami)
}
