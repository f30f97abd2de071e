//! Lets callers in: with a good token, and not too often.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use http::request::Parts;
use http::{Extensions, HeaderMap};

use super::{Authenticator, Challenge, Door, Principal, Refusal};
use crate::address::AddressSource;
use crate::error::ApiError;
use crate::limits::{AddressLimit, CallerKey, Limits};
use crate::policy::ADMIN_ROLE;

/// What a request too many is called in the audit log.
const RATE_LIMITED: &str = "rate_limited";

/// The one way in for requests that need a caller.
#[derive(Debug)]
pub struct Gate {
    authenticator: Arc<Authenticator>,
    limits: Arc<Limits>,
    addresses: AddressSource,
}

impl Gate {
    /// A gate that knows callers by `authenticator` and counts their calls
    /// in `limits`.
    #[must_use]
    pub fn new(
        authenticator: Arc<Authenticator>,
        limits: Arc<Limits>,
        addresses: AddressSource,
    ) -> Self {
        Self {
            authenticator,
            limits,
            addresses,
        }
    }

    /// Who calls at `door`, by the `Authorization` header. The call is not
    /// counted yet.
    ///
    /// # Errors
    /// With the check that failed.
    pub async fn identify(&self, door: Door, headers: &HeaderMap) -> Result<Principal, Refusal> {
        self.authenticator.authenticate(door, headers).await
    }

    /// Where a request comes from.
    #[must_use]
    pub fn address(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
        self.addresses.find(headers, extensions)
    }

    /// Counts a call of `principal` at the door of agent platforms.
    ///
    /// # Errors
    /// As for [`Gate::count_at`].
    pub async fn count(&self, principal: &Principal) -> Result<(), ApiError> {
        self.count_at(Door::Webhook, principal).await
    }

    /// Counts a call of `principal` at `door`. One too many is entered into
    /// the audit log.
    ///
    /// # Errors
    /// 429 when there were too many of this caller, of the tenant or of all;
    /// 503 when that cannot be entered.
    pub async fn count_at(&self, door: Door, principal: &Principal) -> Result<(), ApiError> {
        if let Err(exceeded) = self.limits.charge_caller(&principal.into()).await {
            self.enter_refusal(door, principal, RATE_LIMITED).await?;
            return Err(exceeded.into());
        }
        Ok(())
    }

    /// Enters into the audit log that `principal`, who was let in, was refused
    /// at `door` after all.
    ///
    /// # Errors
    /// 503 when that cannot be entered.
    pub async fn enter_refusal(
        &self,
        door: Door,
        principal: &Principal,
        reason: &'static str,
    ) -> Result<(), ApiError> {
        let entered = self.authenticator.enter_refusal(door, principal, reason);
        Ok(entered.await?)
    }

    /// Counts a call of a public tool without a token.
    ///
    /// # Errors
    /// 429 when there were too many from this address.
    pub async fn count_anonymous(&self, address: Option<IpAddr>) -> Result<(), ApiError> {
        let charged = self
            .limits
            .charge_address(AddressLimit::PublicTool, address);
        charged.await.map_err(|exceeded| {
            self.authenticator.count_refusal("tools/call", RATE_LIMITED);
            exceeded.into()
        })
    }

    /// A challenge of `door` with the scope and the metadata that clients need
    /// to meet it.
    #[must_use]
    pub fn directions(&self, door: Door, challenge: Challenge) -> Challenge {
        self.authenticator.directions(door, challenge)
    }

    /// The answer to a request that was refused at `door`, which is counted:
    /// 401 or 503 as [`Authenticator::refuse`] says, or 429 when there were
    /// too many such requests from this address.
    pub async fn refuse(&self, door: Door, refusal: &Refusal, address: Option<IpAddr>) -> ApiError {
        if let Some(limit) = limit_of(refusal)
            && let Err(exceeded) = self.limits.charge_address(limit, address).await
        {
            if !refusal.names_the_caller() {
                self.authenticator.count_refusal(door.path(), RATE_LIMITED);
            }
            return exceeded.into();
        }
        self.authenticator.refuse(door, refusal)
    }
}

/// What a refused request counts as. A token that was good once is no attack:
/// everybody's expires, and after a revocation everybody's client asks again.
fn limit_of(refusal: &Refusal) -> Option<AddressLimit> {
    match refusal {
        Refusal::Unavailable { .. } => None,
        Refusal::Missing => Some(AddressLimit::SignIn),
        refusal if refusal.was_good_once() => Some(AddressLimit::SignIn),
        _ => Some(AddressLimit::RefusedToken),
    }
}

impl From<&Principal> for CallerKey {
    fn from(principal: &Principal) -> Self {
        let admin = principal.is_home() && principal.roles().iter().any(|role| role == ADMIN_ROLE);
        Self {
            tenant_id: principal.tenant_id(),
            object_id: principal.object_id(),
            admin,
        }
    }
}

/// The caller of a route under `/api`. A route that takes it is closed to
/// everybody else, and counts the call.
#[derive(Debug, Clone)]
pub struct Caller(pub Principal);

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Arc<Gate>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let gate = Arc::<Gate>::from_ref(state);
        match gate.identify(Door::Api, &parts.headers).await {
            Ok(principal) => {
                gate.count_at(Door::Api, &principal).await?;
                Ok(Self(principal))
            }
            Err(refusal) => {
                let address = gate.address(&parts.headers, &parts.extensions);
                Err(gate.refuse(Door::Api, &refusal, address).await)
            }
        }
    }
}
