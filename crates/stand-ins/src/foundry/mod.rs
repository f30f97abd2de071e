//! Azure AI Foundry, under `/foundry`.

use axum::Router;

use crate::frame::Context;

/// The routes, without their prefix.
pub(crate) fn router(_context: &Context) -> Router {
    Router::new()
}
