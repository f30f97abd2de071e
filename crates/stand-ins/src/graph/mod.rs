//! Microsoft Graph, under `/graph`: the signed-in person's own profile
//! (`GET /v1.0/me`), for tokens that carry the delegated permission
//! `User.Read`, and the registration of the application, for tokens that may
//! read it.
//!
//! Graph evaluates access continuously: a token from before the person's
//! sessions were revoked, or of an account that is disabled now, meets a claims
//! challenge although it has not expired.

mod administration;
mod caller;
mod me;
mod problem;
pub(crate) mod registrations;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use entrada_ambient::{Clock, Random};

use crate::entra::Entra;
use crate::frame::Context;
use problem::{Occasion, Problem};
use registrations::Registrations;

/// The state of the Graph stand-in.
#[derive(Debug)]
struct Graph {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    entra: Arc<Entra>,
    registrations: Arc<Registrations>,
}

impl Graph {
    /// The circumstances that an error names.
    fn occasion(&self) -> Occasion {
        Occasion {
            date: self.clock.now(),
            request_id: self.random.uuid_v4(),
        }
    }
}

/// The routes, without their prefix.
pub(crate) fn router(context: &Context) -> Router {
    let graph = Arc::new(Graph {
        clock: Arc::clone(&context.clock),
        random: Arc::clone(&context.random),
        entra: Arc::clone(&context.entra),
        registrations: Arc::clone(&context.registrations),
    });
    let elsewhere = Arc::clone(&graph);
    Router::new()
        .route("/v1.0/me", get(me::read))
        .route("/v1.0/{resource}", get(administration::read))
        .route("/v1.0/{resource}/{collection}", get(administration::list))
        .fallback(async move || {
            let problem = Problem::new(
                StatusCode::NOT_FOUND,
                "ResourceNotFound",
                "Resource could not be discovered.",
            );
            problem.answer(&elsewhere.occasion())
        })
        .with_state(graph)
}
