//! Who may use chat at all: people of the home tenant.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use entrada_entra::SubjectKind;
use http::StatusCode;
use http::request::Parts;

use crate::error::ApiError;
use crate::identity::{Caller, Door, Gate, Principal};

/// The caller of a chat route.
#[derive(Debug, Clone)]
pub struct ChatCaller(pub Principal);

impl ChatCaller {
    /// Lets a person of the home tenant through. Foundry serves its own
    /// tenant alone, and everything there happens on behalf of somebody.
    ///
    /// # Errors
    /// 403 `USER_REQUIRED` for an application, 403 `TENANT_NOT_SERVED` for
    /// people of another tenant.
    pub fn admit(principal: Principal) -> Result<Self, ApiError> {
        if principal.kind() == SubjectKind::Application {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "USER_REQUIRED",
                "Chat acts on behalf of a person; an application's own token cannot use it.",
            ));
        }
        if !principal.is_home() {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "TENANT_NOT_SERVED",
                "The agents serve people of their own tenant only.",
            ));
        }
        Ok(Self(principal))
    }
}

impl<S> FromRequestParts<S> for ChatCaller
where
    S: Send + Sync,
    Arc<Gate>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Caller(principal) = Caller::from_request_parts(parts, state).await?;
        match Self::admit(principal.clone()) {
            Ok(caller) => Ok(caller),
            Err(refusal) => {
                let gate = Arc::<Gate>::from_ref(state);
                gate.enter_refusal(Door::Api, &principal, refusal.code())
                    .await?;
                Err(refusal)
            }
        }
    }
}
