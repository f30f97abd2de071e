//! `requestState`: what a client carries from one round of a call to the next
//! (MCP 2026-07-28, "Multi Round-Trip Requests"). Clients may alter it, so it
//! is authenticated, and nothing is remembered here between the rounds.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::Clock;
use serde_json::json;
use thiserror::Error;

use crate::identity::{KeyRings, NoKeyRing, SealError};

/// For how long a state is good, in seconds: as long as a consent page.
const LIFETIME: i64 = 600;

/// No state can be made right now.
#[derive(Debug, Error)]
pub enum StateError {
    /// There are no keys yet.
    #[error(transparent)]
    NoKeys(#[from] NoKeyRing),
    /// The ring has no key for this.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Makes states and checks those that come back, on any instance: they are
/// authenticated by the key ring.
#[derive(Debug, Clone)]
pub struct RequestStates {
    rings: Arc<KeyRings>,
    clock: Arc<dyn Clock>,
}

impl RequestStates {
    /// States that are authenticated by the ring in use.
    #[must_use]
    pub fn new(rings: Arc<KeyRings>, clock: Arc<dyn Clock>) -> Self {
        Self { rings, clock }
    }

    /// A state for what `binding` says: who asks, for what. It is good for
    /// ten minutes and for this binding alone.
    ///
    /// # Errors
    /// Without a key.
    pub fn issue(&self, binding: &[&str]) -> Result<String, StateError> {
        let expires_at = self.clock.unix() + LIFETIME;
        let (kid, tag) = self
            .rings
            .current()?
            .authenticate(&message(expires_at, binding))?;
        let tag = URL_SAFE_NO_PAD.encode(tag);
        Ok(format!("{expires_at}.{tag}.{kid}"))
    }

    /// Whether `state` was issued for `binding` and is still good.
    ///
    /// # Errors
    /// While there are no keys, or not the newest and it may be one of them.
    pub fn holds(&self, state: &str, binding: &[&str]) -> Result<bool, NoKeyRing> {
        let ring = self.rings.current()?;
        let Some((expires_at, tag, kid)) = parts(state) else {
            return Ok(false);
        };
        let genuine = ring.verify_authentication(kid, &message(expires_at, binding), &tag);
        match (genuine, self.rings.trouble()) {
            (None, Some(missing)) => Err(NoKeyRing(missing)),
            _ => Ok(genuine == Some(true) && self.clock.unix() < expires_at),
        }
    }
}

fn parts(state: &str) -> Option<(i64, Vec<u8>, &str)> {
    let (expires_at, rest) = state.split_once('.')?;
    let (tag, kid) = rest.split_once('.')?;
    Some((
        expires_at.parse().ok()?,
        URL_SAFE_NO_PAD.decode(tag).ok()?,
        kid,
    ))
}

/// What is authenticated: as JSON, in which no part runs into the next.
fn message(expires_at: i64, binding: &[&str]) -> Vec<u8> {
    json!(["mcp request state", expires_at, binding])
        .to_string()
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use entrada_ambient::{ManualClock, SystemRandom};
    use time::macros::datetime;

    use super::*;
    use crate::identity::testing::{TestVault, new_ring};
    use crate::identity::{KeyRing, KeysMissing};

    fn states() -> (RequestStates, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(datetime!(2026-11-21 12:00 UTC)));
        let ring = KeyRing::generate(clock.as_ref(), &SystemRandom).unwrap();
        let rings = KeyRings::new(Some(KeyRing::parse(&ring).unwrap()));
        (RequestStates::new(Arc::new(rings), clock.clone()), clock)
    }

    #[test]
    fn a_state_is_good_for_what_it_was_issued_for_and_for_ten_minutes() {
        let (states, clock) = states();
        let state = states.issue(&["ana", "delete", "1"]).unwrap();
        assert!(states.holds(&state, &["ana", "delete", "1"]).unwrap());
        for other in [
            &["ana", "delete", "2"][..],
            &["ben", "delete", "1"],
            &["ana", "delete1"],
            &["ana", "delete", "1", ""],
        ] {
            assert!(!states.holds(&state, other).unwrap(), "{other:?}");
        }
        clock.advance(Duration::from_secs(599));
        assert!(states.holds(&state, &["ana", "delete", "1"]).unwrap());
        clock.advance(Duration::from_secs(1));
        assert!(!states.holds(&state, &["ana", "delete", "1"]).unwrap());
    }

    #[test]
    fn an_altered_state_is_not_good() {
        let (states, _) = states();
        let state = states.issue(&["ana"]).unwrap();
        let later = state.replacen(char::from(state.as_bytes()[9]), "x", 1);
        for altered in [
            format!("{state}-TAMPERED"),
            format!("1{state}"),
            later,
            String::new(),
            "..".to_owned(),
            "9999999999..".to_owned(),
        ] {
            assert!(!states.holds(&altered, &["ana"]).unwrap(), "{altered}");
        }
        assert!(!self::states().0.holds(&state, &["ana"]).unwrap());
    }

    #[tokio::test]
    async fn a_state_by_a_key_that_is_not_known_yet_is_not_judged() {
        let vault = TestVault::new();
        let rings = Arc::new(KeyRings::from_source(vault.clone()));
        rings.refresh().await.unwrap();
        let clock = Arc::new(ManualClock::at(datetime!(2026-11-21 12:00 UTC)));
        let states = RequestStates::new(rings.clone(), clock);
        let state = states.issue(&["ana"]).unwrap();
        rings.replace(new_ring());
        assert!(!states.holds(&state, &["ana"]).unwrap());
        vault.be_away(Some(KeysMissing::VaultUnreachable));
        rings.refresh().await.unwrap_err();
        assert!(states.holds(&state, &["ana"]).is_err());
    }
}
