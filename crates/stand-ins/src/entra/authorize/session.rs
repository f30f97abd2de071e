use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use serde::{Deserialize, Serialize};

use super::super::Entra;
use super::super::grants::Stamp;
use crate::directory::{self, Persona};

const NAME: &str = "stand-in-session";
const PURPOSE: &str = "session";

/// A person signed in in this browser, as the cookie carries it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    /// Short name of the persona.
    persona: String,
    /// The `sid` claim.
    pub(super) id: String,
    since: Stamp,
    /// Digest of the claims challenge that the sign-in met.
    pub(super) satisfied: Option<String>,
}

impl Session {
    /// A new session.
    pub(super) fn begin(entra: &Entra, persona: &Persona, satisfied: Option<String>) -> Self {
        Self {
            persona: persona.name.to_owned(),
            id: entra.random.uuid_v4().to_string(),
            since: entra.stamp(),
            satisfied,
        }
    }

    /// Whose it is, unless the account is disabled or the session was ended.
    pub(super) fn person(&self, entra: &Entra) -> Option<&'static Persona> {
        let persona = directory::persona(&self.persona)?;
        let account = entra.people.account(persona);
        let ended = account.valid_from.is_some_and(|from| from > self.since);
        (!account.disabled && !ended).then_some(persona)
    }

    /// The cookie that keeps it until the browser closes.
    pub(super) fn cookie(&self, entra: &Entra) -> String {
        let value = entra.seal.seal(PURPOSE, self);
        format!("{NAME}={value}; Path=/; HttpOnly; SameSite=Lax")
    }
}

/// The cookie that ends a session.
pub(super) fn ended() -> String {
    format!("{NAME}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
}

/// The session of a request's cookie.
pub(super) fn read(entra: &Entra, headers: &HeaderMap) -> Option<Session> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter(|(name, _)| *name == NAME)
        .find_map(|(_, value)| entra.seal.open_value(PURPOSE, value))
}
