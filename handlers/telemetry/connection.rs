//! Application Insights' connection string (Microsoft Learn, "Connection
//! strings in Application Insights").

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// A connection string that the exporter takes.
#[derive(Clone)]
pub struct ConnectionString(SecretString);

impl fmt::Debug for ConnectionString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ConnectionString")
            .finish_non_exhaustive()
    }
}

impl ConnectionString {
    /// Takes the parts that are needed: `InstrumentationKey` and
    /// `IngestionEndpoint`. Others (and a semicolon at the end, at which the
    /// exporter stumbles) are left out.
    ///
    /// # Errors
    /// In words, when there is no instrumentation key, or an endpoint that is
    /// not https (the exporter would silently make it so).
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let part = |wanted: &str| {
            text.split(';')
                .filter_map(|part| part.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim())
                .filter(|value| !value.is_empty())
        };
        let key = part("InstrumentationKey").ok_or("has no InstrumentationKey")?;
        if key.contains('=') {
            return Err("has an InstrumentationKey that is none");
        }
        let mut kept = format!("InstrumentationKey={key}");
        if let Some(endpoint) = part("IngestionEndpoint") {
            if !endpoint.starts_with("https://") || endpoint.contains('=') {
                return Err("has an IngestionEndpoint that is no https:// address");
            }
            kept.push_str(";IngestionEndpoint=");
            kept.push_str(endpoint);
        }
        Ok(Self(SecretString::from(kept)))
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_azure_writes_is_taken_with_a_semicolon_at_the_end_too() {
        let text = "InstrumentationKey=1-2;IngestionEndpoint=https://a.example/;LiveEndpoint=https://b.example/;ApplicationId=3;";
        assert_eq!(
            ConnectionString::parse(text).unwrap().as_str(),
            "InstrumentationKey=1-2;IngestionEndpoint=https://a.example/"
        );
    }

    #[test]
    fn what_the_exporter_would_bend_is_refused() {
        for text in [
            "",
            "IngestionEndpoint=https://a.example/",
            "InstrumentationKey=1;IngestionEndpoint=http://a.example/",
            "InstrumentationKey=",
        ] {
            assert!(ConnectionString::parse(text).is_err(), "{text}");
        }
    }
}
