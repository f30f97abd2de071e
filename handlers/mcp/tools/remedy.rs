//! What a caller can do when a downstream service gives no token.

use std::sync::Arc;

use crate::auth::step_up::{StepUpError, StepUpNeed, StepUps};
use crate::downstream::DownstreamError;
use crate::error::chain;
use crate::identity::Principal;
use crate::mcp::{ToolChallenge, ToolError};

/// Turns missing tokens into errors that say what to do: a link for people
/// whose sign-in is ours, a challenge for clients that have their own from
/// Entra.
#[derive(Debug, Clone)]
pub(super) struct Remedies {
    step_ups: Arc<StepUps>,
}

impl Remedies {
    pub(super) fn new(step_ups: Arc<StepUps>) -> Self {
        Self { step_ups }
    }

    /// The error for a caller who gets no token for `scope`.
    pub(super) async fn error(
        &self,
        caller: &Principal,
        scope: &str,
        error: &DownstreamError,
    ) -> ToolError {
        let need = match error {
            DownstreamError::ApplicationCaller => {
                return ToolError::new(
                    "This tool acts on behalf of a person; an application's own token cannot use \
                     it.",
                );
            }
            DownstreamError::Ended(_) => {
                return ToolError::new("The sign-in behind this call has ended. Sign in again.")
                    .with_challenge(ToolChallenge::SignInEnded);
            }
            DownstreamError::Unavailable { .. } => {
                return ToolError::unavailable(
                    "What is needed to act on your behalf does not answer right now. Try again \
                     shortly.",
                    chain(error),
                );
            }
            DownstreamError::Refused(_) => {
                return ToolError::unavailable(
                    "Microsoft Entra ID refused what this server asked of it on your behalf. \
                     Whoever runs the server finds the reason in its log.",
                    chain(error),
                );
            }
            DownstreamError::ConsentRequired(_) => StepUpNeed {
                claims: None,
                scopes: vec![scope.to_owned()],
            },
            DownstreamError::InteractionRequired { claims, .. } => StepUpNeed {
                claims: claims.clone(),
                scopes: Vec::new(),
            },
        };
        self.step_up(caller, need).await
    }

    async fn step_up(&self, caller: &Principal, need: StepUpNeed) -> ToolError {
        match self.step_ups.offer(caller, &need).await {
            Ok(link) => ToolError::new(format!(
                "Microsoft Entra ID wants something of you first, such as a consent or a second \
                 factor. Open {link} in a browser within ten minutes, then try again."
            )),
            Err(StepUpError::NoGrant) => {
                let error = ToolError::new(
                    "Microsoft Entra ID wants something of you first, such as a consent or a \
                     second factor. Get a token that has it, then try again.",
                );
                match need.claims {
                    Some(claims) => error.with_challenge(ToolChallenge::Claims(claims)),
                    None => error,
                }
            }
            Err(StepUpError::Storage(error)) => error.into(),
        }
    }
}
