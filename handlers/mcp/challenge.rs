//! Challenges that come up inside a call: what the client must get at Entra
//! can only be told in a header, which is the door's to write.

use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{StatusCode, header};

use super::ToolChallenge;
use crate::error::ApiError;
use crate::identity::{Challenge, Door};

/// Where a call leaves what the client must get first.
#[derive(Debug, Clone, Default)]
pub struct ChallengeSlot(Arc<OnceLock<ToolChallenge>>);

impl ChallengeSlot {
    /// Leaves a challenge; the first one stands.
    pub(super) fn leave(&self, challenge: ToolChallenge) {
        let _ = self.0.set(challenge);
    }

    /// The answer in the place of the call's own: 401 with the claims
    /// (Microsoft: "Claims challenges, claims requests, and client
    /// capabilities"), or with the news that the sign-in has ended.
    #[must_use]
    pub fn answer(&self, door: Door) -> Option<ApiError> {
        let (challenge, detail) = match self.0.get()? {
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
        let scope = match door {
            Door::Api => "api",
            Door::Mcp | Door::Webhook => "mcp",
        };
        Some(
            ApiError::new(StatusCode::UNAUTHORIZED, "INTERACTION_REQUIRED", detail).with_header(
                header::WWW_AUTHENTICATE,
                challenge.with("scope", scope).header(),
            ),
        )
    }
}
