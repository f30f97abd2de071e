//! What tools say about places.

use crate::mcp::ToolError;
use crate::weather::WeatherError;

/// What the caller is told when there is no weather for a place.
pub(super) fn weather_error(city: &str, error: &WeatherError) -> ToolError {
    match error {
        WeatherError::UnknownPlace => ToolError::new(format!(
            "There is no place called `{city}`. Check the spelling."
        )),
        WeatherError::Unavailable(_) => ToolError::unavailable(
            "The weather provider does not answer right now. Try again shortly.",
            error,
        ),
    }
}
