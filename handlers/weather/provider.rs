//! What a provider of weather gives.

use std::fmt::Debug;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;

/// The sky in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sky {
    /// Clear or nearly so.
    Clear,
    /// Partly cloudy to overcast.
    Cloudy,
    /// Fog.
    Fog,
    /// Drizzle, rain or showers, freezing ones too.
    Rain,
    /// Snow or snow showers.
    Snow,
    /// Thunderstorm.
    Storm,
    /// The provider says something that this server does not know.
    Unknown,
}

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
    /// The sky in a word.
    pub condition: Sky,
    /// When it was observed, RFC 3339 UTC.
    pub observed_at: String,
    /// Who says so.
    pub source: String,
}

/// One day's forecast.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct DayForecast {
    /// The day there, `YYYY-MM-DD`.
    pub date: String,
    /// Highest temperature, degrees Celsius.
    pub high_celsius: f64,
    /// Lowest temperature, degrees Celsius.
    pub low_celsius: f64,
    /// Probability of rain or snow, percent; null where the provider has
    /// none.
    pub precipitation_percent: Option<u8>,
    /// The sky in a word.
    pub condition: Sky,
}

/// Why there is no weather.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WeatherError {
    /// The provider knows no such place.
    #[error("no such place")]
    UnknownPlace,
    /// The provider does not answer, or not as documented.
    #[error("the weather provider does not answer: {0}")]
    Unavailable(String),
}

/// A source of weather.
#[async_trait]
pub trait WeatherProvider: Debug + Send + Sync {
    /// The weather now at `city`.
    ///
    /// # Errors
    /// When there is no such place, or the provider does not answer.
    async fn now(&self, city: &str) -> Result<Conditions, WeatherError>;

    /// The forecast for `city`, beginning today, for `days` days (1 to 5).
    ///
    /// # Errors
    /// As for [`WeatherProvider::now`].
    async fn forecast(&self, city: &str, days: u8) -> Result<Vec<DayForecast>, WeatherError>;
}
