//! The limit of sign-in and OAuth routes, before anything else is done.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;

use super::{AddressLimit, Exceeded, Limits};
use crate::address::AddressSource;
use crate::audit::Audit;

/// What [`limit_sign_in`] needs.
#[derive(Debug, Clone)]
pub struct SignInLimit {
    /// The limits.
    pub limits: Arc<Limits>,
    /// Where a caller's address is found.
    pub addresses: AddressSource,
    /// Where requests too many are counted.
    pub audit: Arc<Audit>,
    /// The answer to a request too many, in the form of the routes.
    pub refuse: fn(Exceeded) -> Response,
}

/// Lets an address ask so often and no more.
pub async fn limit_sign_in(
    State(limit): State<SignInLimit>,
    request: Request,
    next: Next,
) -> Response {
    let address = limit
        .addresses
        .find(request.headers(), request.extensions());
    let charged = limit.limits.charge_address(AddressLimit::SignIn, address);
    let response = match charged.await {
        Ok(()) => next.run(request).await,
        Err(exceeded) => (limit.refuse)(exceeded),
    };
    // Registration has a limit of its own behind this one.
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        limit.audit.count("sign_in", "rate_limited");
    }
    response
}
