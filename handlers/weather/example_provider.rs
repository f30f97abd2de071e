//! Weather made from the name of the place and the day: the same question
//! gives the same answer, without a network. For development and tests; its
//! answers say where they come from.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use entrada_ambient::Clock;
use time::format_description::well_known::Rfc3339;
use time::{Date, Duration};

use super::{Conditions, DayForecast, Sky, WeatherError, WeatherProvider};

const SKIES: [Sky; 5] = [Sky::Clear, Sky::Cloudy, Sky::Rain, Sky::Snow, Sky::Storm];
const SOURCE: &str = "example data, not a forecast";

/// Example weather.
#[derive(Debug)]
pub struct ExampleWeather {
    clock: Arc<dyn Clock>,
}

impl ExampleWeather {
    /// Example weather for the days of `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }
}

/// Values of a place and a day, each 0 to 255.
fn values(city: &str, date: Date) -> [u8; 5] {
    let seed = format!("{}|{date}", city.trim().to_lowercase());
    let mut values = [0; 5];
    let hash = digest(&SHA256, seed.as_bytes());
    for (value, byte) in values.iter_mut().zip(hash.as_ref()) {
        *value = *byte;
    }
    values
}

/// `low` to `high` by a byte, with one decimal.
fn between(low: f64, high: f64, byte: u8) -> f64 {
    ((low + (high - low) * f64::from(byte) / 255.0) * 10.0).round() / 10.0
}

fn sky(byte: u8) -> Sky {
    let index = usize::from(byte) % SKIES.len();
    SKIES.get(index).copied().unwrap_or(Sky::Clear)
}

#[async_trait]
impl WeatherProvider for ExampleWeather {
    async fn now(&self, city: &str) -> Result<Conditions, WeatherError> {
        let now = self.clock.now();
        let [temperature, humidity, wind, condition, _] = values(city, now.date());
        Ok(Conditions {
            city: city.trim().to_owned(),
            temperature_celsius: between(-10.0, 35.0, temperature),
            humidity_percent: 20 + humidity % 80,
            wind_kmh: between(0.0, 60.0, wind),
            condition: sky(condition),
            observed_at: now
                .truncate_to_second()
                .format(&Rfc3339)
                .map_err(|error| WeatherError::Unavailable(error.to_string()))?,
            source: SOURCE.to_owned(),
        })
    }

    async fn forecast(&self, city: &str, days: u8) -> Result<Vec<DayForecast>, WeatherError> {
        let today = self.clock.now().date();
        Ok((0..days)
            .map(|offset| {
                let date = today.saturating_add(Duration::days(i64::from(offset)));
                let [high, low, _, condition, rain] = values(city, date);
                let high = between(5.0, 35.0, high);
                DayForecast {
                    date: date.to_string(),
                    high_celsius: high,
                    low_celsius: ((high - between(2.0, 15.0, low)) * 10.0).round() / 10.0,
                    precipitation_percent: Some(rain % 101),
                    condition: sky(condition),
                }
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::ManualClock;
    use time::macros::datetime;

    use super::*;

    #[tokio::test]
    async fn the_same_place_and_day_give_the_same_weather() {
        let clock = Arc::new(ManualClock::at(datetime!(2026-01-01 12:00 UTC)));
        let weather = ExampleWeather::new(clock.clone());
        let first = weather.now("Lisbon").await.unwrap();
        assert_eq!(
            weather.now(" lisbon ").await.unwrap().condition,
            first.condition
        );
        clock.advance(std::time::Duration::from_hours(24));
        assert_ne!(weather.now("Lisbon").await.unwrap(), first);
    }

    #[tokio::test]
    async fn it_is_observed_at_a_whole_second() {
        let clock = Arc::new(ManualClock::at(
            datetime!(2026-01-01 12:00:00.123456789 UTC),
        ));
        let weather = ExampleWeather::new(clock).now("Lisbon").await.unwrap();
        assert_eq!(weather.observed_at, "2026-01-01T12:00:00Z");
    }

    #[tokio::test]
    async fn a_forecast_has_as_many_days_as_asked_for() {
        let clock = Arc::new(ManualClock::at(datetime!(2026-12-31 12:00 UTC)));
        let days = ExampleWeather::new(clock)
            .forecast("Lisbon", 3)
            .await
            .unwrap();
        let dates: Vec<_> = days.iter().map(|day| day.date.as_str()).collect();
        assert_eq!(dates, ["2026-12-31", "2027-01-01", "2027-01-02"]);
        assert!(days.iter().all(|day| day.low_celsius < day.high_celsius));
    }
}
