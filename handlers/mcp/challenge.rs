//! What comes up inside a call and is the door's to answer: what the client
//! must get at Entra can only be told in a header, and a server that cannot
//! keep its log says so by its status.

use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, header};

use super::ToolChallenge;
use crate::audit::AuditError;
use crate::error::ApiError;
use crate::identity::{Challenge, Door, Gate};

#[derive(Debug)]
enum Left {
    Challenge(ToolChallenge),
    NotAudited(AuditError),
}

/// Where a call leaves what the door answers in its place.
#[derive(Debug, Clone, Default)]
pub struct ChallengeSlot(Arc<OnceLock<Left>>);

impl ChallengeSlot {
    /// Leaves a challenge; what was left first stands.
    pub(super) fn leave(&self, challenge: ToolChallenge) {
        let _ = self.0.set(Left::Challenge(challenge));
    }

    /// Leaves that nothing was done, since it could not be entered.
    pub(super) fn leave_unaudited(&self, error: AuditError) {
        let _ = self.0.set(Left::NotAudited(error));
    }

    /// The answer in the place of the call's own: 401 with the claims
    /// (Microsoft: "Claims challenges, claims requests, and client
    /// capabilities"), or with the news that the sign-in has ended; 503 with
    /// `Retry-After` when the audit log takes nothing.
    #[must_use]
    pub fn answer(&self, door: Door, gate: &Gate) -> Option<ApiError> {
        let challenge = match self.0.get()? {
            Left::Challenge(challenge) => challenge,
            Left::NotAudited(error) => return Some((*error).into()),
        };
        let (challenge, detail) = match challenge {
            ToolChallenge::SignInEnded => (
                Challenge::new().with("error", "invalid_token").with(
                    "error_description",
                    "the sign-in behind the token has ended",
                ),
                "The sign-in behind your token has ended. Sign in again.",
            ),
            ToolChallenge::Claims(claims) => (
                Challenge::new()
                    .with("error", "insufficient_claims")
                    .with("claims", &STANDARD.encode(claims)),
                "Microsoft Entra ID wants something of you first. Get a token that meets the \
                 claims of WWW-Authenticate.",
            ),
        };
        let challenge = gate.directions(door, challenge).header();
        Some(
            ApiError::new(StatusCode::UNAUTHORIZED, "INTERACTION_REQUIRED", detail)
                .with_header(header::WWW_AUTHENTICATE, challenge),
        )
    }
}
