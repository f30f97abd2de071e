//! Weather: a provider behind a trait, and the tenant's alerts.

mod alerts;
mod example_provider;
mod open_meteo;
mod place;
mod provider;
mod service;

pub use alerts::{Alert, AlertError, Alerts, NewAlert, TABLE as ALERTS_TABLE};
pub use example_provider::ExampleWeather;
pub use open_meteo::{OpenMeteo, OpenMeteoUrls};
pub use provider::{Conditions, DayForecast, Sky, WeatherError, WeatherProvider};
