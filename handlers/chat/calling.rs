//! Calls of the agents' service, as the person.

use entrada_foundry::FoundryError;
use secrecy::SecretString;

use super::Chat;
use super::refusal::foundry_error;
use crate::error::ApiError;
use crate::identity::Principal;

/// Why a call of the agents' service came to nothing.
#[derive(Debug)]
pub(super) enum CallError {
    /// It was not made: there is no token for it, or no place in the audit log.
    NotMade(ApiError),
    /// The service refused, or failed.
    Service(FoundryError),
}

impl CallError {
    /// Whether the same call can never succeed: the service has no such thing,
    /// or does not do it. Everything else passes.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Service(FoundryError::NotFound | FoundryError::Rejected { .. })
        )
    }

    /// The code of the error that the caller gets.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::NotMade(error) => error.code(),
            Self::Service(error) => foundry_error(error).code(),
        }
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotMade(error) => error,
            CallError::Service(error) => foundry_error(&error),
        }
    }
}

impl Chat {
    /// Does `call` with `token`. A claims challenge of continuous access
    /// evaluation is met once, by a token that Entra issues for it.
    ///
    /// # Errors
    /// [`CallError`].
    pub(super) async fn call_as<T, F>(
        &self,
        caller: &Principal,
        token: SecretString,
        call: impl Fn(SecretString) -> F + Send,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, FoundryError>> + Send,
    {
        let claims = match call(token).await {
            Err(FoundryError::Unauthorized {
                claims: Some(claims),
            }) => claims,
            outcome => return outcome.map_err(CallError::Service),
        };
        let token = self.token(caller, Some(&claims)).await;
        let token = token.map_err(CallError::NotMade)?;
        call(token).await.map_err(CallError::Service)
    }
}
