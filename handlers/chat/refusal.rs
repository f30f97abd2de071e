//! What a client is told when the agents' service does not do its part.

use std::time::Duration;

use entrada_foundry::{FoundryError, Wait};
use http::{StatusCode, header};

use super::catalogue::Unavailable;
use super::ledger::LedgerError;
use crate::downstream::Remedy;
use crate::error::{ApiError, chain};
use crate::identity::{Challenge, Door, Refusal};

/// How long to wait before asking again when nobody said.
const RETRY: Duration = Duration::from_secs(5);

/// 404: a session that is not there, or not the caller's.
pub(super) fn no_such_session() -> ApiError {
    ApiError::not_found("SESSION_NOT_FOUND", "There is no such session.")
}

/// 404: an agent that is not there, or not the caller's to use.
pub(super) fn no_such_agent() -> ApiError {
    ApiError::not_found("AGENT_NOT_FOUND", "There is no such agent.")
}

/// 409: an agent that is there for the caller and cannot be used; 503 when
/// nobody knows.
pub(super) fn agent_unavailable(why: Unavailable) -> ApiError {
    let detail = match why {
        Unavailable::Disabled => {
            "The agent is turned off in Foundry. Whoever looks after it there can turn it on."
        }
        Unavailable::Missing => {
            "Foundry has no such agent any more. Whoever runs this server looks at agents.json."
        }
        Unavailable::NotListed => {
            return ApiError::unavailable(
                "AGENTS_NOT_LISTED",
                "Which agents Foundry has is not known right now. Try again shortly.",
                RETRY,
            );
        }
    };
    ApiError::new(StatusCode::CONFLICT, "AGENT_UNAVAILABLE", detail)
}

/// 404: no service to talk to.
pub(super) fn not_configured() -> ApiError {
    ApiError::not_found(
        "CHAT_NOT_CONFIGURED",
        "This server has no agents' service to talk to. Whoever runs it sets \
         ENTRADA_FOUNDRY_ENDPOINT to the endpoint of a Foundry project.",
    )
}

/// 409: one turn at a time.
fn turn_under_way() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "TURN_UNDER_WAY",
        "An answer is being written in this session. Wait for it, or use another session.",
    )
}

/// 503: all have as many turns under way as this server takes.
pub(super) fn too_many_turns() -> ApiError {
    ApiError::unavailable(
        "TOO_MANY_TURNS",
        "This server has as many answers under way as it can take. Try again shortly.",
        RETRY,
    )
}

/// 429: one person has as many turns under way as one may have.
pub(super) fn too_many_own_turns() -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "TOO_MANY_OWN_TURNS",
        "You have as many answers under way as one person may have. Wait for one of them.",
    )
    .with_header(header::RETRY_AFTER, RETRY.as_secs().into())
}

/// 401: the caller was cut off in the middle of an answer.
pub(super) fn revoked() -> ApiError {
    let challenge = Challenge::new()
        .with("scope", Door::Api.scope())
        .with("error", "invalid_token")
        .with("error_description", &Refusal::Revoked.description());
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "TOKEN_REVOKED",
        "Your sign-in was ended or revoked while the agent answered. Sign in again.",
    )
    .with_header(header::WWW_AUTHENTICATE, challenge.header())
    .with_remedy(Remedy::SignIn)
}

/// 503: nobody knows who was cut off, so nobody is told more.
pub(super) fn revocations_unknown() -> ApiError {
    ApiError::unavailable(
        "STORAGE_UNAVAILABLE",
        "The revocation list is not up to date, so nobody is answered right now. Try again \
         shortly.",
        RETRY,
    )
}

/// 502: the agent's answer came to a bad end.
pub(super) fn agent_failed() -> ApiError {
    ApiError::new(
        StatusCode::BAD_GATEWAY,
        "AGENT_FAILED",
        "The agent failed. What it said until then is kept.",
    )
}

/// 499, of which nobody hears: the client went away before the agent began.
pub(super) fn client_gone() -> ApiError {
    ApiError::new(
        StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        "CLIENT_GONE",
        "The client went away.",
    )
}

/// The answer to an approval that the agent does not wait for.
pub(super) fn approval_not_pending() -> ApiError {
    ApiError::new(
        StatusCode::CONFLICT,
        "APPROVAL_NOT_PENDING",
        "The agent does not wait for this approval (any more).",
    )
}

/// What the client is told when a turn cannot write.
pub(super) fn ledger_error(error: LedgerError) -> ApiError {
    match error {
        LedgerError::Busy => turn_under_way(),
        LedgerError::NotPending => approval_not_pending(),
        LedgerError::Lost => no_such_session(),
        LedgerError::Storage(error) => error.into(),
    }
}

/// What the client is told when the service refuses or fails.
pub(super) fn foundry_error(error: &FoundryError) -> ApiError {
    let bad_gateway =
        |code, detail: &'static str| ApiError::new(StatusCode::BAD_GATEWAY, code, detail);
    match error {
        FoundryError::Unauthorized { .. } => bad_gateway(
            "AGENT_REFUSED_TOKEN",
            "The agents' service does not take your token. Whoever runs this server checks that \
             its endpoint belongs to your tenant.",
        ),
        FoundryError::Forbidden { .. } => ApiError::new(
            StatusCode::FORBIDDEN,
            "AGENT_FORBIDDEN",
            "The agents' service does not let you use this agent. Ask for the role Foundry Agent \
             Consumer on it (Foundry User for the project route).",
        ),
        FoundryError::NotFound => no_such_agent(),
        FoundryError::RateLimited { retry_after } => ApiError::unavailable(
            "AGENT_BUSY",
            "The agents' service has too much to do right now. Try again shortly.",
            retry_after.unwrap_or(RETRY),
        ),
        FoundryError::Unavailable { .. } => ApiError::unavailable(
            "FOUNDRY_UNAVAILABLE",
            "The agents' service does not answer right now. Try again shortly.",
            RETRY,
        ),
        FoundryError::Timeout { .. } => ApiError::unavailable(
            "AGENT_TIMEOUT",
            "The agent fell silent. Try again shortly.",
            RETRY,
        ),
        FoundryError::Unfinished => ApiError::unavailable(
            "AGENT_NOT_DONE",
            "The agent has not ended its answer yet. The same call with Last-Event-ID asks again.",
            RETRY,
        ),
        FoundryError::ConsentLinkRefused => bad_gateway(
            "CONSENT_LINK_REFUSED",
            "The agent asked for consent at an address that is not trusted, so it is not passed \
             on.",
        ),
        FoundryError::FeatureRequired | FoundryError::Rejected { .. } => bad_gateway(
            "AGENT_REJECTED",
            "The agents' service refused the request. The log of this server says why.",
        ),
        FoundryError::Protocol { .. } => bad_gateway(
            "AGENT_PROTOCOL",
            "The agents' service answered in a way that nobody understands.",
        ),
        FoundryError::Invalid { .. } => ApiError::internal("an invalid request to Foundry"),
    }
    .with_log(chain(error))
}

/// What the client is told when an answer breaks off that had begun.
pub(super) fn broken(error: &FoundryError) -> ApiError {
    match error {
        FoundryError::Unavailable { .. }
        | FoundryError::Protocol { .. }
        | FoundryError::Timeout {
            what: Wait::NextEvent,
        } => ApiError::new(
            StatusCode::BAD_GATEWAY,
            "AGENT_INTERRUPTED",
            "The agent's answer broke off. What was received is kept in the session; the same \
             call with Last-Event-ID tries to go on.",
        )
        .with_log(chain(error)),
        other => foundry_error(other),
    }
}
