//! What a caller can do when there is no downstream token, and what the
//! caller is told.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entrada_entra::EntraError;
use http::{StatusCode, header};

use super::{DownstreamError, Missing};
use crate::auth::step_up::{StepUpError, StepUpLink, StepUpNeed, StepUps};
use crate::error::{ApiError, chain};
use crate::identity::{Challenge, Principal, TokenSource};

/// How long to wait before asking again when nobody said.
const RETRY: Duration = Duration::from_secs(5);

/// What a caller can do about a missing downstream token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Open a link: for people who signed in here, since Entra's tokens are
    /// not in their client's hands.
    StepUp(StepUpLink),
    /// Get a token of Entra's that meets these claims (the decoded JSON of a
    /// claims request): for clients that brought a token of Entra's.
    Claims(String),
    /// Sign in again.
    SignIn,
}

/// Finds remedies, and words the errors that go with them.
#[derive(Debug, Clone)]
pub struct Remedies {
    step_ups: Arc<StepUps>,
}

impl Remedies {
    /// Remedies whose links are those of `step_ups`.
    #[must_use]
    pub fn new(step_ups: Arc<StepUps>) -> Self {
        Self { step_ups }
    }

    /// The error for a caller who gets no downstream token, with the remedy
    /// if there is one. `permission` is what the person would have to consent
    /// to, by its name and never `.default`, which Entra takes beside nothing
    /// else (AADSTS70011).
    ///
    /// An Entra caller's client can meet a claims challenge itself and gets it
    /// in `WWW-Authenticate` (Microsoft: "Claims challenges, claims requests
    /// and client capabilities").
    pub async fn answer(
        &self,
        caller: &Principal,
        permission: &str,
        error: &DownstreamError,
    ) -> ApiError {
        let answer = match error {
            DownstreamError::ApplicationCaller => ApiError::new(
                StatusCode::FORBIDDEN,
                "USER_REQUIRED",
                "This acts on behalf of a person; an application's own token cannot use it.",
            ),
            DownstreamError::Ended(_) => ended(caller),
            DownstreamError::ConsentRequired(source) => {
                let need = StepUpNeed {
                    claims: None,
                    scopes: vec![permission.to_owned()],
                };
                self.needed(caller, need, source).await
            }
            DownstreamError::InteractionRequired { claims, source } => {
                let need = StepUpNeed {
                    claims: claims.clone(),
                    scopes: Vec::new(),
                };
                self.needed(caller, need, source).await
            }
            DownstreamError::Unavailable {
                what, retry_after, ..
            } => match error.missing() {
                Some((code, detail)) => ApiError::unavailable(code, detail, RETRY),
                None => unavailable(*what, *retry_after),
            },
            DownstreamError::Refused(source) => ApiError::new(
                StatusCode::BAD_GATEWAY,
                "ENTRA_REFUSED",
                with_advice(
                    "Microsoft Entra ID refused what this server asked of it on your behalf.",
                    source,
                ),
            ),
        };
        answer.with_log(chain(error))
    }

    /// Something that the person has to do first.
    async fn needed(&self, caller: &Principal, need: StepUpNeed, source: &EntraError) -> ApiError {
        let consent = !need.scopes.is_empty();
        match self.step_ups.offer(caller, &need).await {
            Ok(link) => needed(consent, source).with_remedy(Remedy::StepUp(link)),
            Err(StepUpError::NoGrant) if consent => needed(consent, source),
            Err(StepUpError::NoGrant) => interaction(need.claims, source),
            Err(StepUpError::Storage(error)) => error.as_ref().into(),
        }
    }
}

fn ended(caller: &Principal) -> ApiError {
    let challenge = Challenge::new()
        .with("scope", "api")
        .with("error", "invalid_token")
        .with(
            "error_description",
            "the sign-in behind the token has ended",
        );
    let detail = match caller.source() {
        TokenSource::Own { .. } => "The sign-in behind your token has ended. Sign in again.",
        TokenSource::Entra { .. } => {
            "Microsoft Entra ID does not take your token any more. Get a new one."
        }
    };
    ApiError::new(StatusCode::UNAUTHORIZED, "SIGN_IN_REQUIRED", detail)
        .with_header(header::WWW_AUTHENTICATE, challenge.header())
        .with_remedy(Remedy::SignIn)
}

fn needed(consent: bool, source: &EntraError) -> ApiError {
    let (code, detail) = if consent {
        (
            "CONSENT_REQUIRED",
            "Microsoft Entra ID wants your consent, or an administrator's, to a service behind \
             this.",
        )
    } else {
        (
            "INTERACTION_REQUIRED",
            "Microsoft Entra ID wants something of you first, such as a second factor.",
        )
    };
    ApiError::new(StatusCode::FORBIDDEN, code, with_advice(detail, source))
}

/// For a client that has its own token of Entra's.
fn interaction(claims: Option<String>, source: &EntraError) -> ApiError {
    let challenge = Challenge::new().with("scope", "api");
    let challenge = match &claims {
        Some(claims) => challenge
            .with("error", "insufficient_claims")
            .with("claims", &STANDARD.encode(claims)),
        None => challenge.with("error", "interaction_required"),
    };
    let detail = "Microsoft Entra ID wants something of you first. Get a token that meets the \
                  claims of WWW-Authenticate, then try again.";
    let error = ApiError::new(
        StatusCode::UNAUTHORIZED,
        "INTERACTION_REQUIRED",
        with_advice(detail, source),
    )
    .with_header(header::WWW_AUTHENTICATE, challenge.header());
    match claims {
        Some(claims) => error.with_remedy(Remedy::Claims(claims)),
        None => error,
    }
}

fn unavailable(what: Missing, retry_after: Option<Duration>) -> ApiError {
    let wait = retry_after.unwrap_or(RETRY);
    match what {
        Missing::Entra => ApiError::unavailable(
            "ENTRA_UNAVAILABLE",
            "Microsoft Entra ID does not answer right now. Try again shortly.",
            wait,
        ),
        Missing::Storage => ApiError::unavailable(
            "STORAGE_UNAVAILABLE",
            "Storage cannot be reached right now. Try again shortly.",
            wait,
        ),
    }
}

fn with_advice(detail: &'static str, error: &EntraError) -> String {
    let advice = error
        .rejection()
        .and_then(|rejection| rejection.aadsts)
        .map_or_else(String::new, |aadsts| format!(" {}", aadsts.remedy));
    format!("{detail}{advice}")
}
