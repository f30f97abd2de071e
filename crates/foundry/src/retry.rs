use std::time::Duration;

use reqwest::{Client, Request, Response, StatusCode};
use tokio::time::sleep;

use crate::error::{FoundryError, UnavailableCause};
use crate::refusal;

/// Waits before the second and the third attempt; there is no fourth.
const BACKOFF: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// Longest wait that the service may ask for and be waited for. Beyond it the
/// caller is told, who can tell the user.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// When a request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Whenever no answer came: the request changes nothing.
    Always,
    /// Only when it cannot have been accepted: there was no connection to send
    /// it on, or the service says that it took nothing (429; 503 with
    /// `Retry-After`). Any other server error and any connection that broke
    /// may hide a response that exists, has called tools and is paid for. A
    /// bare 503 belongs to those: proxies send it for a reset connection too.
    UnlessAccepted,
}

/// What telemetry calls it.
pub(crate) const SERVICE: &str = "Azure AI Foundry";

/// Sends `request`, at most three times.
///
/// # Errors
/// What the last attempt came to.
pub(crate) async fn send(
    http: &Client,
    request: Request,
    repeat: Repeat,
) -> Result<Response, FoundryError> {
    for pause in BACKOFF {
        // A body that is a stream cannot be sent twice; these are in memory.
        let Some(copy) = request.try_clone() else {
            break;
        };
        let outcome = entrada_ambient::send(http, copy, SERVICE).await;
        let Some(pause) = wait(&outcome, repeat, pause) else {
            return conclude(outcome).await;
        };
        tracing::debug!(
            status = outcome.ok().map(|response| response.status().as_u16()),
            "trying Foundry again"
        );
        sleep(pause).await;
    }
    conclude(entrada_ambient::send(http, request, SERVICE).await).await
}

/// How long to wait before sending again; `None` when the outcome stands.
fn wait(
    outcome: &Result<Response, reqwest::Error>,
    repeat: Repeat,
    pause: Duration,
) -> Option<Duration> {
    let response = match outcome {
        Ok(response) => response,
        Err(error) => {
            let lost = repeat == Repeat::Always && !error.is_timeout();
            return (error.is_connect() || lost).then_some(pause);
        }
    };
    let asked = refusal::retry_after(response.headers());
    let again = match response.status() {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::SERVICE_UNAVAILABLE => repeat == Repeat::Always || asked.is_some(),
        StatusCode::INTERNAL_SERVER_ERROR
        | StatusCode::BAD_GATEWAY
        | StatusCode::GATEWAY_TIMEOUT => repeat == Repeat::Always,
        _ => false,
    };
    let pause = asked.unwrap_or(pause);
    (again && pause <= LONGEST_WAIT).then_some(pause)
}

async fn conclude(outcome: Result<Response, reqwest::Error>) -> Result<Response, FoundryError> {
    match outcome {
        Ok(response) if response.status().is_success() => Ok(response),
        Ok(response) => Err(refusal::from_response(response).await),
        Err(error) => Err(FoundryError::Unavailable {
            source: UnavailableCause::Transport(error.without_url()),
        }),
    }
}
