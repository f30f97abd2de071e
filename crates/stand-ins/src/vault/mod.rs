//! Azure Key Vault: the secrets of one vault, at the root of the https port as
//! a vault has a host of its own (`/secrets`, `/deletedsecrets`).
//!
//! Follows Microsoft Learn, "Azure Key Vault REST API reference" (secrets) and
//! "Authentication, requests and responses": a request without a good token is
//! answered 401 with a challenge, `api-version` is required, a new value is a
//! new version and nothing is compared first, and a deleted secret blocks its
//! name until it is recovered or purged. Access is by role assignment ([`Role`]),
//! changed through the control surface. The texts of errors are those seen in
//! public reports; clients rely on the codes alone.

mod access;
mod caller;
mod problem;
mod routes;
mod secrets;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::{get, post};
use entrada_ambient::{Clock, Random};

use access::Assignments;
pub use access::{Role, VaultAccess};
use secrets::Secrets;

use crate::entra::Entra;

/// The state of the vault.
#[derive(Debug)]
pub(crate) struct Vault {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    entra: Arc<Entra>,
    pub(crate) assignments: Assignments,
    secrets: Mutex<Secrets>,
}

impl Vault {
    pub(crate) fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>, entra: Arc<Entra>) -> Self {
        Self {
            clock,
            random,
            entra,
            assignments: Assignments::default(),
            secrets: Mutex::default(),
        }
    }

    /// Back to how it started: no secrets, the roles of the beginning.
    pub(crate) fn reset(&self) {
        self.assignments.reset();
        *crate::encoding::lock(&self.secrets) = Secrets::default();
    }
}

/// The routes, at the root of the vault's host.
pub(crate) fn router(vault: Arc<Vault>) -> Router {
    let one = || {
        get(routes::get_latest)
            .put(routes::set)
            .delete(routes::delete)
    };
    Router::new()
        .route("/secrets", get(routes::list))
        .route("/secrets/", get(routes::list))
        .route("/secrets/{name}", one())
        .route("/secrets/{name}/", one())
        .route("/secrets/{name}/versions", get(routes::list_versions))
        .route(
            "/secrets/{name}/{version}",
            get(routes::get_version).patch(routes::update),
        )
        .route("/deletedsecrets", get(routes::list_deleted))
        .route(
            "/deletedsecrets/{name}",
            get(routes::get_deleted).delete(routes::purge),
        )
        .route("/deletedsecrets/{name}/recover", post(routes::recover))
        .with_state(vault)
}
