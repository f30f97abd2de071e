//! Weather: a provider behind a trait, and the tenant's alerts.

mod alerts;
mod example_provider;
mod provider;

pub use alerts::{Alert, AlertError, Alerts, NewAlert, TABLE as ALERTS_TABLE};
pub use example_provider::ExampleWeather;
pub use provider::{Conditions, DayForecast, WeatherError, WeatherProvider};
