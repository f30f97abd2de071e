//! What a caller of `/api` is told when there is no downstream token.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entrada_entra::EntraError;
use http::{StatusCode, header};

use super::{DownstreamError, Missing};
use crate::error::{ApiError, chain};
use crate::identity::{Challenge, Principal, TokenSource};

/// How long to wait before asking again when nobody said.
const RETRY: Duration = Duration::from_secs(5);

impl DownstreamError {
    /// The answer of a JSON route. An Entra caller's client can meet a claims
    /// challenge itself and gets it in `WWW-Authenticate` (Microsoft: "Claims
    /// challenges, claims requests and client capabilities"); who came with a
    /// token of ours has to sign in again, since Entra's tokens are not in
    /// the client's hands.
    #[must_use]
    pub fn answer(&self, caller: &Principal) -> ApiError {
        let log = chain(self);
        let own = matches!(caller.source(), TokenSource::Own { .. });
        match self {
            Self::ApplicationCaller => ApiError::new(
                StatusCode::FORBIDDEN,
                "USER_REQUIRED",
                "This route acts on behalf of a person; an application's own token cannot use it.",
            ),
            Self::Ended(_) => ended(own),
            Self::ConsentRequired(error) => ApiError::new(
                StatusCode::FORBIDDEN,
                "CONSENT_REQUIRED",
                with_remedy(consent_detail(own), error),
            ),
            Self::InteractionRequired { claims, source } => {
                interaction(own, claims.as_deref(), source)
            }
            Self::Unavailable {
                what, retry_after, ..
            } => unavailable(*what, *retry_after),
            Self::Refused(error) => ApiError::new(
                StatusCode::BAD_GATEWAY,
                "ENTRA_REFUSED",
                with_remedy(
                    "Microsoft Entra ID refused what this server asked of it on your behalf.",
                    error,
                ),
            ),
        }
        .with_log(log)
    }
}

fn ended(own: bool) -> ApiError {
    let challenge = Challenge::new()
        .with("scope", "api")
        .with("error", "invalid_token")
        .with(
            "error_description",
            "the sign-in behind the token has ended",
        );
    let detail = if own {
        "The sign-in behind your token has ended. Refresh it at /auth/refresh, or sign in again \
         at /auth/login."
    } else {
        "Microsoft Entra ID does not take your token any more. Get a new one."
    };
    ApiError::new(StatusCode::UNAUTHORIZED, "SIGN_IN_REQUIRED", detail)
        .with_header(header::WWW_AUTHENTICATE, challenge.header())
}

fn consent_detail(own: bool) -> &'static str {
    if own {
        "Consent to the service behind this route is missing. Sign in again at \
         /auth/login?prompt=login once an administrator has granted it."
    } else {
        "Consent to the service behind this route is missing. Ask an administrator to grant it \
         to this application."
    }
}

fn interaction(own: bool, claims: Option<&str>, error: &EntraError) -> ApiError {
    if own {
        return ApiError::new(
            StatusCode::FORBIDDEN,
            "INTERACTION_REQUIRED",
            with_remedy(
                "Microsoft Entra ID wants something of you first, such as a second factor. Sign \
                 in again at /auth/login.",
                error,
            ),
        );
    }
    let mut challenge = Challenge::new().with("scope", "api");
    if let Some(claims) = claims {
        challenge = challenge
            .with("error", "insufficient_claims")
            .with("claims", &STANDARD.encode(claims));
    } else {
        challenge = challenge.with("error", "interaction_required");
    }
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "INTERACTION_REQUIRED",
        with_remedy(
            "Microsoft Entra ID wants something of you first. Get a token that meets the claims \
             of WWW-Authenticate.",
            error,
        ),
    )
    .with_header(header::WWW_AUTHENTICATE, challenge.header())
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

fn with_remedy(detail: &'static str, error: &EntraError) -> String {
    let remedy = error
        .rejection()
        .and_then(|rejection| rejection.aadsts)
        .map_or_else(String::new, |aadsts| format!(" {}", aadsts.remedy));
    format!("{detail}{remedy}")
}
