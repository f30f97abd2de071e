//! Microsoft Entra ID: the Microsoft identity platform's v2.0 endpoints.

mod authority;
pub(crate) mod certificates;
pub(crate) mod claims;
mod discovery;
mod error;
mod exchange;
pub(crate) mod keys;
pub(crate) mod mint;
pub(crate) mod people;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use entrada_ambient::{Clock, Random};

use crate::directory::Persona;
use crate::encoding::lock;
use crate::seal::Seal;
use certificates::Certificates;
use keys::SigningKeys;
use people::People;

/// The state of the Entra stand-in.
#[derive(Debug)]
pub(crate) struct Entra {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    /// Base of every issuer, without a slash at the end.
    pub(crate) public_url: String,
    pub(crate) keys: SigningKeys,
    pub(crate) seal: Seal,
    pub(crate) people: People,
    pub(crate) certificates: Certificates,
    /// Redirect URIs of the registered application, beside the directory's.
    pub(crate) redirect_uris: Vec<String>,
    auto_sign_in: Mutex<Option<&'static Persona>>,
    initial_auto_sign_in: Option<&'static Persona>,
}

/// What the stand-in is made of.
pub(crate) struct Parts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) public_url: String,
    pub(crate) keys: SigningKeys,
    pub(crate) seal: Seal,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) auto_sign_in: Option<&'static Persona>,
}

impl Entra {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            clock: parts.clock,
            random: parts.random,
            public_url: parts.public_url,
            keys: parts.keys,
            seal: parts.seal,
            people: People::default(),
            certificates: Certificates::default(),
            redirect_uris: parts.redirect_uris,
            auto_sign_in: Mutex::new(parts.auto_sign_in),
            initial_auto_sign_in: parts.auto_sign_in,
        }
    }

    /// Who signs in without being asked.
    pub(crate) fn auto_sign_in(&self) -> Option<&'static Persona> {
        *lock(&self.auto_sign_in)
    }

    /// Changes who signs in without being asked.
    pub(crate) fn set_auto_sign_in(&self, persona: Option<&'static Persona>) {
        *lock(&self.auto_sign_in) = persona;
    }

    /// Back to how it started, but for keys and clients' certificates.
    pub(crate) fn reset(&self) {
        self.people.reset();
        self.set_auto_sign_in(self.initial_auto_sign_in);
    }
}

/// The routes of every tenant.
pub(crate) fn router(entra: Arc<Entra>) -> Router {
    Router::new()
        .route("/common/discovery/instance", get(discovery::instance))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(discovery::openid_configuration),
        )
        .route(
            "/{tenant}/.well-known/openid-configuration",
            get(discovery::openid_configuration_v1),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/{tenant}/discovery/keys", get(discovery::keys))
        .with_state(entra)
}
