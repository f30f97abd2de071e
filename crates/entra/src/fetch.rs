//! Asking Entra: bounded answers, bounded retries, and the error of not
//! getting an answer.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::{RequestBuilder, Response, StatusCode};

/// Largest answer that is read: Entra's key set has about 15 KiB, a token
/// answer at most 20.
pub(crate) const ANSWER_LIMIT: usize = 256 * 1024;

/// Attempts after the first.
const RETRIES: u32 = 2;
/// Pause before the first retry; doubled for the second.
const BACKOFF: Duration = Duration::from_millis(200);
/// A longer `Retry-After` is left to the caller.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

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
    fn never_sent(&self) -> bool {
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

/// Prints an error with its causes, for logs.
pub(crate) struct Chain<'a>(pub(crate) &'a FetchError);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// What may be tried again, and how long everything may take together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Whether 429 and 5xx are tried again, or only requests that never
    /// reached Entra.
    repeatable: bool,
    total: Duration,
}

impl Patience {
    /// For requests that may be repeated: documents, refresh (Entra's refresh
    /// tokens may be redeemed again) and On-Behalf-Of.
    pub(crate) const REPEATABLE: Self = Self {
        repeatable: true,
        total: Duration::from_secs(8),
    };
    /// For the redemption of a code, which is good once: when the first
    /// attempt may have reached Entra, a second can only be refused. It may
    /// take longer, since nothing else can save the sign-in.
    pub(crate) const ONCE: Self = Self {
        repeatable: false,
        total: Duration::from_secs(20),
    };
}

/// An answer, read to its end: never 429 or 5xx.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

/// Sends what `build` makes, at most three times. Pauses are spread by the
/// hash of `spread` so that callers who failed together do not come back
/// together.
pub(crate) async fn ask(
    patience: Patience,
    spread: &[u8],
    build: impl Fn() -> RequestBuilder + Send + Sync,
) -> Result<Answer, FetchError> {
    let attempts = async {
        let mut attempt = 0;
        loop {
            let error = match ask_once(build()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let answered = matches!(error, FetchError::Status { .. });
            let retry = error.never_sent() || (patience.repeatable && answered);
            let pause = pause(attempt, spread, error.retry_after());
            attempt += 1;
            match pause {
                Some(pause) if retry && attempt <= RETRIES => tokio::time::sleep(pause).await,
                _ => return Err(error),
            }
        }
    };
    tokio::time::timeout(patience.total, attempts)
        .await
        .unwrap_or(Err(FetchError::TimedOut))
}

/// How long to wait before the retry that follows `attempt` (from 0): what
/// Entra asked for, else 200 or 400 ms and up to as much again. `None`: longer
/// than anyone should be kept waiting.
fn pause(attempt: u32, spread: &[u8], asked: Option<Duration>) -> Option<Duration> {
    let backoff = BACKOFF * 2_u32.pow(attempt);
    let hash = digest(&SHA256, spread);
    let jitter = hash.as_ref().get(attempt as usize).copied().unwrap_or(0);
    let spread = backoff + backoff * u32::from(jitter) / 256;
    let pause = asked.map_or(spread, |asked| asked.max(spread));
    (pause <= LONGEST_PAUSE).then_some(pause)
}

async fn ask_once(request: RequestBuilder) -> Result<Answer, FetchError> {
    let (http, request) = request.build_split();
    let response = entrada_ambient::send(&http, request?, "Microsoft Entra ID").await?;
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return Err(FetchError::Status {
            status: status.as_u16(),
            retry_after: retry_after(&response),
        });
    }
    let body = read_bounded(response).await?;
    Ok(Answer { status, body })
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3); the form with a date,
/// which Entra does not use, counts as absent.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(reqwest::header::RETRY_AFTER)?;
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The body of `response`, read to its end or to [`ANSWER_LIMIT`].
async fn read_bounded(mut response: Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Fetches a JSON document.
pub(crate) async fn get_document<T: serde::de::DeserializeOwned>(
    http: &reqwest::Client,
    url: &url::Url,
) -> Result<T, FetchError> {
    let answer = ask(Patience::REPEATABLE, url.as_str().as_bytes(), || {
        http.get(url.clone())
    })
    .await?;
    if answer.status != StatusCode::OK {
        return Err(FetchError::Status {
            status: answer.status.as_u16(),
            retry_after: None,
        });
    }
    serde_json::from_slice(&answer.body).map_err(|_malformed| FetchError::Unusable {
        reason: "not the JSON document that was asked for",
    })
}

#[cfg(test)]
mod tests {
    use entrada_ambient::{NetworkOptions, http_client};

    use super::*;

    #[test]
    fn pauses_grow_differ_between_callers_and_stay_within_bounds() {
        for attempt in 0..RETRIES {
            let least = BACKOFF * 2_u32.pow(attempt);
            let pauses: std::collections::BTreeSet<_> = (0..100_u8)
                .map(|caller| pause(attempt, &[caller], None).unwrap())
                .collect();
            assert!(pauses.len() > 50);
            assert!(pauses.iter().all(|p| *p >= least && *p < least * 2));
        }
    }

    #[test]
    fn a_short_retry_after_is_honoured_and_a_long_one_is_left_to_the_caller() {
        let asked = |seconds| pause(0, b"", Some(Duration::from_secs(seconds)));
        assert!(asked(0).unwrap() >= BACKOFF);
        assert_eq!(asked(2), Some(Duration::from_secs(2)));
        assert_eq!(asked(4), None);
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_waited_for_no_longer_than_the_total() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let http = http_client(&NetworkOptions::default()).unwrap();
        let patience = Patience {
            repeatable: true,
            total: Duration::from_millis(100),
        };
        let answer = ask(patience, b"", || http.get(&url)).await;
        assert!(matches!(answer, Err(FetchError::TimedOut)), "{answer:?}");
    }

    #[tokio::test]
    async fn a_failure_is_printed_with_its_causes_and_without_the_address_asked() {
        let http = http_client(&NetworkOptions::default()).unwrap();
        let answer = ask(Patience::ONCE, b"", || {
            http.get("http://127.0.0.1:1/path?secret=1")
        })
        .await;
        let printed = Chain(&answer.unwrap_err()).to_string();
        assert!(printed.contains("could not be reached: "), "{printed}");
        assert!(!printed.contains("secret"), "{printed}");
    }
}
