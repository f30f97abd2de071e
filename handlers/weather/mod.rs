//! Weather: a provider behind a trait, and the tenant's alerts.

mod alerts;
mod example_provider;
mod open_meteo;
mod place;
mod provider;
mod service;

use std::sync::Arc;

use entrada_ambient::{Clock, Random};

pub use alerts::{Alert, AlertError, Alerts, NewAlert, TABLE as ALERTS_TABLE};
pub use example_provider::ExampleWeather;
pub use open_meteo::{OpenMeteo, OpenMeteoUrls};
pub use provider::{Conditions, DayForecast, Sky, WeatherError, WeatherProvider};

use crate::config::WeatherSettings;

/// The provider that the settings name.
#[must_use]
pub fn provider(
    settings: &WeatherSettings,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Arc<dyn WeatherProvider> {
    match settings {
        WeatherSettings::Example => Arc::new(ExampleWeather::new(clock)),
        WeatherSettings::OpenMeteo {
            forecast,
            geocoding,
        } => {
            let urls = OpenMeteoUrls {
                forecast: forecast.clone(),
                geocoding: geocoding.clone(),
            };
            Arc::new(OpenMeteo::new(urls, http, clock, random))
        }
    }
}
