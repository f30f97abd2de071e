//! Where telemetry goes.

use super::reader::Reader;
use crate::telemetry::ConnectionString;

/// Where telemetry goes, by the settings that the Functions host goes by too.
#[derive(Debug, Clone)]
pub struct TelemetrySettings {
    /// Application Insights; none: nothing is collected.
    pub connection: Option<ConnectionString>,
    /// Whether ingestion wants an Entra token (`Authorization=AAD`).
    pub authenticated: bool,
    /// The part of traces that is sent, 0 to 1.
    pub ratio: f64,
    /// What names this process among others.
    pub instance: Option<String>,
}

const CONNECTION: &str = "APPLICATIONINSIGHTS_CONNECTION_STRING";
const AUTHENTICATION: &str = "APPLICATIONINSIGHTS_AUTHENTICATION_STRING";
const RATIO: &str = "ENTRADA_TRACE_RATIO";

pub(super) fn read(reader: &mut Reader<'_>) -> TelemetrySettings {
    let connection =
        reader
            .text(CONNECTION)
            .and_then(|text| match ConnectionString::parse(&text) {
                Ok(connection) => Some(connection),
                Err(reason) => {
                    reader.faults.note(CONNECTION, reason);
                    None
                }
            });
    let authenticated = reader.text(AUTHENTICATION).is_some_and(|text| {
        text.split(';')
            .any(|part| part.trim().eq_ignore_ascii_case("Authorization=AAD"))
    });
    let form = "a number from 0 to 1";
    let ratio = reader.optional::<f64>(RATIO, form).unwrap_or(1.0);
    if !(0.0..=1.0).contains(&ratio) {
        reader.faults.note(RATIO, format!("must be {form}"));
    }
    let instance = super::AZURE_INSTANCE
        .into_iter()
        .find_map(|name| reader.text(name));
    TelemetrySettings {
        connection,
        authenticated,
        ratio,
        instance,
    }
}
