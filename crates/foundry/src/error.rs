use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// Why a call of Foundry, or a stream from it, came to nothing.
///
/// No variant holds a token, a consent link or text of the conversation, so
/// any of them may be logged. Parser errors are reduced to a fixed reason for
/// that end: they quote what they could not read.
#[derive(Debug, thiserror::Error)]
pub enum FoundryError {
    /// The access token was refused (401). With `claims`, a claims challenge
    /// of continuous access evaluation: JSON, already decoded, to be passed
    /// as `claims` to the token endpoint (Microsoft: "Claims challenges,
    /// claims requests, and client capabilities").
    #[error("Foundry refused the access token")]
    Unauthorized {
        /// The decoded claims request, when there was one.
        claims: Option<String>,
    },
    /// The user has no role that opens this agent or route (403). The project
    /// route needs Foundry User, the agent endpoint Foundry Agent Consumer.
    #[error("the user may not use this agent on this route")]
    Forbidden {
        /// The service's error code.
        code: Option<String>,
    },
    /// No such agent, conversation or response (404).
    #[error("Foundry knows no such agent, conversation or response")]
    NotFound,
    /// Too many requests (429), and the wait is longer than this client waits
    /// by itself.
    #[error("Foundry limits the rate of requests")]
    RateLimited {
        /// How long the service asks to wait.
        retry_after: Option<Duration>,
    },
    /// The service wants an opt-in of the `Foundry-Features` header (error
    /// code `preview_feature_required`).
    #[error("Foundry requires a preview feature that is not switched on")]
    FeatureRequired,
    /// The agent asked for consent with a link that is not https or whose host
    /// is not on the allow-list. Ends the stream in the place of the
    /// response's own ending.
    #[error("the agent asked for consent at an address that is not allowed")]
    ConsentLinkRefused,
    /// The service could not be reached, or answered with a server error.
    #[error("Foundry is unavailable")]
    Unavailable {
        /// What happened.
        source: UnavailableCause,
    },
    /// A wait took longer than its limit.
    #[error("timed out waiting for {what}")]
    Timeout {
        /// What was waited for.
        what: Wait,
    },
    /// The answer was not what the Responses API promises: a stream that ends
    /// without a terminal event, an event that cannot be read, a bound that
    /// was exceeded.
    #[error("Foundry's answer broke the protocol: {reason}")]
    Protocol {
        /// What was wrong, without quoting it.
        reason: &'static str,
    },
    /// Any other refusal of the request (4xx).
    #[error("Foundry rejected the request with status {status}")]
    Rejected {
        /// HTTP status.
        status: u16,
        /// The service's error code.
        code: Option<String>,
    },
    /// The response has not ended, and the service does not stream the rest.
    #[error("the response has not ended, and the rest is not streamed")]
    Unfinished,
    /// The request breaks a limit of the API and was not sent.
    #[error("the request is not valid: {reason}")]
    Invalid {
        /// Which limit.
        reason: &'static str,
    },
}

/// How the service was unavailable.
#[derive(Debug, thiserror::Error)]
pub enum UnavailableCause {
    /// A server error (5xx).
    #[error("the answer had status {status}")]
    Status {
        /// HTTP status.
        status: u16,
        /// The service's error code.
        code: Option<String>,
    },
    /// No connection, or one that broke. The address is taken out.
    #[error("the connection failed")]
    Transport(#[source] reqwest::Error),
}

/// What a timed-out wait was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The first event, counted from sending the request.
    FirstEvent,
    /// The next bytes of a stream that had begun.
    NextEvent,
    /// The answer of a call that does not stream.
    Answer,
}

impl Display for Wait {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::FirstEvent => "the first event",
            Self::NextEvent => "the next event",
            Self::Answer => "the answer",
        })
    }
}
