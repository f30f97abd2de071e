//! Weather from Open-Meteo (open-meteo.com, "Weather Forecast API" and
//! "Geocoding API"): no account, no key; free for non-commercial use, and the
//! same API from one's own server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use entrada_ambient::{Clock, Random};
use moka::future::Cache;
use serde::Deserialize;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{PrimitiveDateTime, UtcOffset};
use url::Url;

use super::place::{Place, Wanted};
use super::service::{Service, ServiceError};
use super::{Conditions, DayForecast, Sky, WeatherError, WeatherProvider};

/// How long a report is repeated.
const KEPT: Duration = Duration::from_mins(10);
/// How long a failure is repeated, so that an outage does not cost every
/// caller the whole wait.
const FAILURE_KEPT: Duration = Duration::from_secs(5);
/// Places whose reports are kept.
const PLACES: u64 = 5_000;
/// How long a question may take in all, retries included.
const LIMIT: Duration = Duration::from_secs(5);
/// Days of every report: both tools share one.
const DAYS: u8 = 5;
const SOURCE: &str = "Open-Meteo.com";

/// Where Open-Meteo is.
#[derive(Debug, Clone)]
pub struct OpenMeteoUrls {
    /// Base of the forecast API, such as `https://api.open-meteo.com`.
    pub forecast: Url,
    /// Base of the geocoding API, such as
    /// `https://geocoding-api.open-meteo.com`.
    pub geocoding: Url,
}

/// What is known about a place: at one time for both tools.
#[derive(Debug)]
struct Report {
    now: Conditions,
    days: Vec<DayForecast>,
}

/// What the last question came to.
#[derive(Debug, Clone)]
struct Kept {
    outcome: Result<Arc<Report>, WeatherError>,
    /// Monotonic time until which it is repeated.
    until: Duration,
}

/// Open-Meteo as a provider. Reports are kept for ten minutes, and callers
/// who ask for the same place at the same moment share one question.
#[derive(Debug)]
pub struct OpenMeteo {
    service: Service,
    clock: Arc<dyn Clock>,
    kept: Cache<String, Kept>,
}

impl OpenMeteo {
    /// Open-Meteo at `urls`.
    #[must_use]
    pub fn new(
        urls: OpenMeteoUrls,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            service: Service::new(urls, http, random),
            clock,
            kept: Cache::new(PLACES),
        }
    }

    async fn report(&self, city: &str) -> Result<Arc<Report>, WeatherError> {
        let wanted = Wanted::parse(city).ok_or(WeatherError::UnknownPlace)?;
        let is_over = |kept: &Kept| self.clock.monotonic() >= kept.until;
        self.kept
            .entry(wanted.key())
            .or_insert_with_if(self.ask(&wanted), is_over)
            .await
            .into_value()
            .outcome
    }

    async fn ask(&self, wanted: &Wanted) -> Kept {
        let outcome = match tokio::time::timeout(LIMIT, self.look_up(wanted)).await {
            Ok(Ok(report)) => report.map(Arc::new).ok_or(WeatherError::UnknownPlace),
            Ok(Err(error)) => Err(WeatherError::Unavailable(error.to_string())),
            Err(_) => Err(WeatherError::Unavailable(
                "no answer within five seconds".to_owned(),
            )),
        };
        let kept = match &outcome {
            Err(WeatherError::Unavailable(_)) => FAILURE_KEPT,
            _ => KEPT,
        };
        Kept {
            outcome,
            until: self.clock.monotonic() + kept,
        }
    }

    async fn look_up(&self, wanted: &Wanted) -> Result<Option<Report>, ServiceError> {
        let Some(place) = self.find(wanted).await? else {
            return Ok(None);
        };
        let query = [
            ("latitude", place.latitude.to_string()),
            ("longitude", place.longitude.to_string()),
            (
                "current",
                "temperature_2m,relative_humidity_2m,weather_code,wind_speed_10m".to_owned(),
            ),
            (
                "daily",
                "weather_code,temperature_2m_max,temperature_2m_min,precipitation_probability_max"
                    .to_owned(),
            ),
            ("timezone", "auto".to_owned()),
            ("forecast_days", DAYS.to_string()),
        ];
        let forecast: Forecast = self.service.forecast(&query).await?;
        forecast
            .report(&place)
            .map(Some)
            .ok_or(ServiceError::Undocumented("the forecast is incomplete"))
    }

    /// The place that is meant: of those that go by the name, in the order of
    /// the service, the first that lies where the caller said.
    async fn find(&self, wanted: &Wanted) -> Result<Option<Place>, ServiceError> {
        #[derive(Deserialize)]
        struct Found {
            #[serde(default)]
            results: Vec<Place>,
        }
        let query = [
            ("name", wanted.name.clone()),
            ("count", "10".to_owned()),
            ("language", "en".to_owned()),
            ("format", "json".to_owned()),
        ];
        let found: Found = self.service.geocoding(&query).await?;
        Ok(found.results.into_iter().find(|place| wanted.fits(place)))
    }
}

#[async_trait]
impl WeatherProvider for OpenMeteo {
    async fn now(&self, city: &str) -> Result<Conditions, WeatherError> {
        self.report(city).await.map(|report| report.now.clone())
    }

    async fn forecast(&self, city: &str, days: u8) -> Result<Vec<DayForecast>, WeatherError> {
        let report = self.report(city).await?;
        Ok(report.days.iter().take(days.into()).cloned().collect())
    }
}

/// The answer of `/v1/forecast`. Values that a model lacks are null.
#[derive(Deserialize)]
struct Forecast {
    utc_offset_seconds: i32,
    current: Current,
    daily: Daily,
}

#[derive(Deserialize)]
struct Current {
    /// Local time, `YYYY-MM-DDTHH:MM`.
    time: String,
    temperature_2m: Option<f64>,
    relative_humidity_2m: Option<f64>,
    weather_code: Option<f64>,
    wind_speed_10m: Option<f64>,
}

/// One element for each day in every list.
#[derive(Deserialize)]
struct Daily {
    time: Vec<String>,
    weather_code: Vec<Option<f64>>,
    temperature_2m_max: Vec<Option<f64>>,
    temperature_2m_min: Vec<Option<f64>>,
    precipitation_probability_max: Vec<Option<f64>>,
}

impl Forecast {
    fn report(self, place: &Place) -> Option<Report> {
        let current = &self.current;
        let local_form = format_description!("[year]-[month]-[day]T[hour]:[minute]");
        let offset = UtcOffset::from_whole_seconds(self.utc_offset_seconds).ok()?;
        let observed_at = PrimitiveDateTime::parse(&current.time, &local_form)
            .ok()?
            .assume_offset(offset)
            .to_offset(UtcOffset::UTC)
            .format(&Rfc3339)
            .ok()?;
        let now = Conditions {
            city: place.label(),
            temperature_celsius: current.temperature_2m?,
            humidity_percent: percent(current.relative_humidity_2m?)?,
            wind_kmh: current.wind_speed_10m?,
            condition: sky(current.weather_code),
            observed_at,
            source: SOURCE.to_owned(),
        };
        let days: Option<Vec<DayForecast>> = (0..usize::from(DAYS))
            .map(|day| self.daily.day(day))
            .collect();
        Some(Report { now, days: days? })
    }
}

impl Daily {
    fn day(&self, index: usize) -> Option<DayForecast> {
        let rain = self.precipitation_probability_max.get(index)?;
        Some(DayForecast {
            date: self.time.get(index)?.clone(),
            high_celsius: (*self.temperature_2m_max.get(index)?)?,
            low_celsius: (*self.temperature_2m_min.get(index)?)?,
            precipitation_percent: rain.and_then(percent),
            condition: sky(*self.weather_code.get(index)?),
        })
    }
}

/// A percentage as a whole number; `None` when it cannot be one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked"
)]
fn percent(value: f64) -> Option<u8> {
    (0.0..=100.0).contains(&value).then(|| value.round() as u8)
}

/// WMO weather interpretation codes (Open-Meteo, "Weather Forecast API", WMO
/// code table 4677 in extracts).
#[expect(clippy::cast_possible_truncation, reason = "codes are below 100")]
fn sky(code: Option<f64>) -> Sky {
    match code.map(|code| code as i32) {
        Some(0 | 1) => Sky::Clear,
        Some(2 | 3) => Sky::Cloudy,
        Some(45 | 48) => Sky::Fog,
        Some(51..=57 | 61..=67 | 80..=82) => Sky::Rain,
        Some(71..=77 | 85 | 86) => Sky::Snow,
        Some(95..=99) => Sky::Storm,
        _ => Sky::Unknown,
    }
}

#[cfg(test)]
mod tests;
