//! Microsoft Entra ID: the Microsoft identity platform's v2.0 endpoints.

mod authority;
mod authorize;
pub(crate) mod certificates;
pub(crate) mod claims;
mod claims_request;
mod discovery;
mod error;
mod exchange;
pub(crate) mod federation;
mod grants;
pub(crate) mod keys;
pub(crate) mod mint;
mod pages;
mod parameters;
pub(crate) mod people;
mod refusal;
mod scopes;
mod token;
pub(crate) mod verify;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::{any, get, post};
use entrada_ambient::{Clock, Random};

use crate::directory::Persona;
use crate::encoding::lock;
use crate::seal::Seal;
use certificates::Certificates;
use federation::Federation;
use grants::{Redemptions, Stamp};
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
    federation: Mutex<Federation>,
    /// Redirect URIs of the registered application, beside the directory's.
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) redemptions: Redemptions,
    issued: AtomicU64,
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
            federation: Mutex::default(),
            redirect_uris: parts.redirect_uris,
            redemptions: Redemptions::default(),
            issued: AtomicU64::new(0),
            auto_sign_in: Mutex::new(parts.auto_sign_in),
            initial_auto_sign_in: parts.auto_sign_in,
        }
    }

    /// Now, later than every stamp before.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            time: self.clock.unix(),
            sequence: self.issued.fetch_add(1, Ordering::Relaxed),
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

    /// How the registered application trusts the managed identity.
    pub(crate) fn federation(&self) -> Federation {
        *lock(&self.federation)
    }

    /// Changes how the registered application trusts the managed identity.
    pub(crate) fn set_federation(&self, federation: Federation) {
        *lock(&self.federation) = federation;
    }

    /// Back to how it started, but for keys and clients' certificates.
    pub(crate) fn reset(&self) {
        self.people.reset();
        self.set_federation(Federation::default());
        self.set_auto_sign_in(self.initial_auto_sign_in);
    }
}

/// The routes of every tenant.
pub(crate) fn router(entra: Arc<Entra>) -> Router {
    Router::new()
        .route("/", get(pages::index))
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
        .route(
            "/{tenant}/oauth2/v2.0/authorize",
            get(authorize::by_query).post(authorize::by_form),
        )
        .route("/{tenant}/login", post(authorize::sign_in))
        .route("/{tenant}/consent", post(authorize::consent))
        .route("/{tenant}/oauth2/v2.0/token", any(token::token))
        .route("/{tenant}/oauth2/v2.0/logout", get(authorize::logout))
        .with_state(entra)
}
