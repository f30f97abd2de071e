//! Reading a bounded answer, and the error of not getting one.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Response, StatusCode};

/// Largest answer that is read: a JWKS of Entra is about 15 KiB, a token
/// answer at most 20.
pub(crate) const ANSWER_LIMIT: usize = 256 * 1024;

/// Entra could not be asked, or its answer could not be used. Never holds a
/// URL, a token or any part of an answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// No answer came: name resolution, connection, TLS, or a broken stream.
    #[error("Microsoft Entra ID could not be reached")]
    Transport(#[source] Arc<reqwest::Error>),
    /// No answer came in time.
    #[error("Microsoft Entra ID did not answer in time")]
    TimedOut,
    /// An answer with a status that means "not now" or "not here".
    #[error("Microsoft Entra ID answered with status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// How long Entra asked us to wait.
        retry_after: Option<Duration>,
    },
    /// An answer longer than is read.
    #[error("Microsoft Entra ID's answer is longer than 256 KiB")]
    TooLarge,
    /// An answer that is not what the protocol says.
    #[error("Microsoft Entra ID's answer cannot be used: {reason}")]
    Unusable {
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl FetchError {
    /// How long Entra asked us to wait, if it did.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Transport(_) | Self::TimedOut | Self::TooLarge | Self::Unusable { .. } => None,
        }
    }

    /// Whether the request certainly never reached Entra.
    pub(crate) fn never_sent(&self) -> bool {
        matches!(self, Self::Transport(source) if source.is_connect())
    }
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() && !error.is_connect() {
            Self::TimedOut
        } else {
            // The URL may hold what must not be logged.
            Self::Transport(Arc::new(error.without_url()))
        }
    }
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3); the form with a date,
/// which Entra does not use, counts as absent.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(reqwest::header::RETRY_AFTER)?;
    value
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}

/// The body of `response`, read to its end or to [`ANSWER_LIMIT`].
pub(crate) async fn read_bounded(mut response: Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Fetches a JSON document within `limit`.
pub(crate) async fn get_document<T: serde::de::DeserializeOwned>(
    http: &reqwest::Client,
    url: &url::Url,
    limit: Duration,
) -> Result<T, FetchError> {
    let fetch = async {
        let response = http.get(url.clone()).send().await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status {
                status: response.status().as_u16(),
                retry_after: retry_after(&response),
            });
        }
        read_bounded(response).await
    };
    let body = tokio::time::timeout(limit, fetch)
        .await
        .map_err(|_elapsed| FetchError::TimedOut)??;
    serde_json::from_slice(&body).map_err(|_malformed| FetchError::Unusable {
        reason: "not the JSON document that was asked for",
    })
}
