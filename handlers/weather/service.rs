//! Requests to Open-Meteo: bounded in time, size and number.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::Random;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;
use url::Url;

use super::OpenMeteoUrls;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(3);
/// Waits before the second and the third request; up to as much again is
/// added by chance, so that instances do not come back together.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];
/// Largest answer, in bytes; real ones have a few thousand.
const LARGEST: usize = 256 * 1024;

/// Why the service gave no answer.
#[derive(Debug, Error)]
pub(super) enum ServiceError {
    /// There was no connection, or it broke or fell silent.
    #[error("{0}")]
    Transport(reqwest::Error),
    /// The service refused or failed.
    #[error("status {status}{reason}")]
    Status { status: StatusCode, reason: Reason },
    /// An answer that the documentation does not describe.
    #[error("{0}")]
    Undocumented(&'static str),
}

/// What the service says about an error ("Errors": `{"error": true,
/// "reason": …}` with status 400).
#[derive(Debug, Default, Deserialize)]
pub(super) struct Reason {
    #[serde(default)]
    reason: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Somebody else's text goes to the log alone, and in measure.
        let short: String = self.reason.chars().take(200).collect();
        if short.is_empty() {
            return Ok(());
        }
        write!(formatter, ": {short}")
    }
}

impl ServiceError {
    /// Whether asking again may help: not after a refusal, and not when the
    /// service says that it was asked too often.
    fn may_pass(&self) -> bool {
        match self {
            Self::Transport(_) => true,
            Self::Status { status, .. } => status.is_server_error(),
            Self::Undocumented(_) => false,
        }
    }
}

/// The two APIs.
#[derive(Debug)]
pub(super) struct Service {
    urls: OpenMeteoUrls,
    http: Client,
    random: Arc<dyn Random>,
}

impl Service {
    pub(super) fn new(urls: OpenMeteoUrls, http: Client, random: Arc<dyn Random>) -> Self {
        Self { urls, http, random }
    }

    /// `GET /v1/forecast` ("Weather Forecast API").
    pub(super) async fn forecast<T: DeserializeOwned>(
        &self,
        query: &[(&str, String)],
    ) -> Result<T, ServiceError> {
        self.get(&beneath(&self.urls.forecast, "v1/forecast"), query)
            .await
    }

    /// `GET /v1/search` ("Geocoding API").
    pub(super) async fn geocoding<T: DeserializeOwned>(
        &self,
        query: &[(&str, String)],
    ) -> Result<T, ServiceError> {
        self.get(&beneath(&self.urls.geocoding, "v1/search"), query)
            .await
    }

    async fn get<T: DeserializeOwned>(
        &self,
        url: &str,
        query: &[(&str, String)],
    ) -> Result<T, ServiceError> {
        for pause in PAUSES {
            match self.once(url, query).await {
                Err(error) if error.may_pass() => {
                    tracing::debug!(%error, "asking Open-Meteo again");
                    tokio::time::sleep(pause + self.by_chance(pause)).await;
                }
                outcome => return outcome,
            }
        }
        self.once(url, query).await
    }

    async fn once<T: DeserializeOwned>(
        &self,
        url: &str,
        query: &[(&str, String)],
    ) -> Result<T, ServiceError> {
        let transport = |error: reqwest::Error| ServiceError::Transport(error.without_url());
        let request = self.http.get(url).query(query).timeout(LIMIT);
        let mut response = request.send().await.map_err(transport)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > LARGEST {
                return Err(ServiceError::Undocumented("the answer is too large"));
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(ServiceError::Status {
                status,
                reason: serde_json::from_slice(&body).unwrap_or_default(),
            });
        }
        serde_json::from_slice(&body)
            .map_err(|_| ServiceError::Undocumented("the answer is not the documented JSON"))
    }

    /// Nothing to `most`, by chance.
    fn by_chance(&self, most: Duration) -> Duration {
        let mut byte = [0];
        self.random.fill(&mut byte);
        let [byte] = byte;
        most * u32::from(byte) / 255
    }
}

/// The address of a path beneath a base that may have a path itself.
fn beneath(base: &Url, path: &str) -> String {
    format!("{}/{path}", base.as_str().trim_end_matches('/'))
}
