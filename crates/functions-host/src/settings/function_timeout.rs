use std::time::Duration;

use super::{Configuration, time_span};
use crate::error::HostError;

/// The default of every plan but Consumption.
const DEFAULT: Duration = Duration::from_mins(30);

/// How long an invocation may take: `functionTimeout` of `host.json`,
/// `None` for `-1`, without a limit.
pub(crate) fn function_timeout(
    configuration: &Configuration,
) -> Result<Option<Duration>, HostError> {
    let key = "functionTimeout";
    match configuration.get_filled(key).map(str::trim) {
        None => Ok(Some(DEFAULT)),
        Some("-1") => Ok(None),
        Some(text) => match time_span::parse(text) {
            Some(limit) => Ok(Some(limit)),
            None => Err(configuration.unconvertible(key, "System.TimeSpan")),
        },
    }
}
