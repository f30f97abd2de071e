//! What a provider of weather gives.

use std::fmt::Debug;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

/// The weather now.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Conditions {
    /// The place as the provider calls it.
    pub city: String,
    /// Degrees Celsius.
    pub temperature_celsius: f64,
    /// Percent.
    pub humidity_percent: u8,
    /// Kilometres per hour.
    pub wind_kmh: f64,
    /// In words: `clear`, `cloudy`, `rain`, `snow`, `storm`.
    pub condition: String,
    /// When it was observed, RFC 3339 UTC.
    pub observed_at: String,
    /// Who says so.
    pub source: String,
}

/// One day's forecast.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DayForecast {
    /// The day, `YYYY-MM-DD`.
    pub date: String,
    /// Highest temperature, degrees Celsius.
    pub high_celsius: f64,
    /// Lowest temperature, degrees Celsius.
    pub low_celsius: f64,
    /// Probability of rain or snow, percent.
    pub precipitation_percent: u8,
    /// In words, as in the weather now.
    pub condition: String,
}

/// Why there is no weather.
#[derive(Debug, Error)]
pub enum WeatherError {
    /// The provider knows no such place.
    #[error("no such place")]
    UnknownPlace,
    /// The provider does not answer.
    #[error("the weather provider does not answer: {0}")]
    Unavailable(String),
}

/// A source of weather.
#[async_trait]
pub trait WeatherProvider: Debug + Send + Sync {
    /// The weather now at `city`.
    async fn now(&self, city: &str) -> Result<Conditions, WeatherError>;

    /// The forecast for `city`, beginning today, for `days` days (1 to 5).
    async fn forecast(&self, city: &str, days: u8) -> Result<Vec<DayForecast>, WeatherError>;
}
