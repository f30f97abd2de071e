//! Where weather comes from.

use url::Url;

use super::reader::{Reader, Surroundings};

/// Where weather comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WeatherSettings {
    /// Open-Meteo, or a server of one's own with its API.
    OpenMeteo {
        /// Base of the forecast API.
        forecast: Url,
        /// Base of the geocoding API.
        geocoding: Url,
    },
    /// Made up, the same for the same question; needs no network.
    Example,
}

const NAME: &str = "ENTRADA_WEATHER";

pub(super) fn read(reader: &mut Reader<'_>, surroundings: Surroundings) -> Option<WeatherSettings> {
    let development = surroundings == Surroundings::Development;
    match reader.text(NAME).as_deref() {
        Some("example") => Some(WeatherSettings::Example),
        None if development => Some(WeatherSettings::Example),
        Some("open-meteo") | None => Some(WeatherSettings::OpenMeteo {
            forecast: reader.address_or("ENTRADA_WEATHER_URL", "https://api.open-meteo.com")?,
            geocoding: reader.address_or(
                "ENTRADA_GEOCODING_URL",
                "https://geocoding-api.open-meteo.com",
            )?,
        }),
        Some(_) => {
            reader
                .faults
                .note(NAME, "must be `open-meteo` or `example`");
            None
        }
    }
}
