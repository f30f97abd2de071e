//! Rotation: how keys come and go, one step at a time.
//!
//! A key begins as `next`: published, so that every instance and every
//! verifier knows it before it is used. Some time later it becomes `current`
//! and the one before it `retired`, which verifies and decrypts on until
//! nothing needs it. Then it goes.

use entrada_ambient::{Clock, Random};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use time::{Duration, OffsetDateTime};

use super::{KeyRing, KeyRingError, KeyState, KeyUse, StoredKey, StoredRing, new_key};

/// How long a key is published before it is used. Instances load the ring
/// every five minutes, and verifiers keep our keys for five.
pub const PUBLISHED_FIRST: Duration = Duration::minutes(10);

/// Longest ring, in bytes: what a key vault takes (Microsoft Learn, "About
/// Azure Key Vault secrets"), less some.
const LONGEST: usize = 24_000;

/// Why a ring cannot be rotated.
#[derive(Debug, Error)]
pub enum RotationError {
    /// The ring cannot be read, or a key cannot be made.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
    /// The next key is not known everywhere yet.
    #[error("key {kid} was published less than 10 minutes ago; it can be used from {ready_at}")]
    TooYoung {
        /// The next key.
        kid: String,
        /// When it may be used.
        ready_at: OffsetDateTime,
    },
    /// There is no room.
    #[error(
        "the ring would have {bytes} bytes, and a key vault takes 25,000: keys that are still \
         needed take it up"
    )]
    TooLong {
        /// What it would have.
        bytes: usize,
    },
    /// No such key.
    #[error("the ring has no key {0}")]
    Unknown(String),
    /// Something needs the key.
    #[error("key {kid} is in use: {why}")]
    InUse {
        /// The key.
        kid: String,
        /// What needs it.
        why: String,
    },
}

/// One thing that a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The key.
    pub kid: String,
    /// What it is for.
    pub key_use: KeyUse,
    /// Its state from now on; none: it is gone.
    pub state: Option<KeyState>,
}

/// A ring after one step.
#[derive(Debug)]
pub struct Rotation {
    /// The ring as JSON.
    pub ring: SecretString,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// When the keys that were added may be used.
    pub ready_at: Option<OffsetDateTime>,
}

/// A key as administrators see it, with its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyListing {
    /// Its id.
    pub kid: String,
    /// What it is for.
    pub key_use: KeyUse,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// A next key: when it may be used. A retired one: when nothing needs it
    /// any more.
    pub until: Option<OffsetDateTime>,
}

impl KeyUse {
    /// How long a key is needed after it was used last. The current key of an
    /// instance that cannot reach its key vault may be an old one for a while,
    /// so there is a day on top.
    fn needed_for(self) -> Duration {
        let lives = match self {
            // Our access tokens.
            Self::Sig => Duration::hours(1),
            // Grants, of all that is stored encrypted.
            Self::Enc => Duration::days(90),
            // The audit log, of all that is authenticated: ten years at most.
            Self::Mac => Duration::days(3653),
        };
        lives + Duration::days(1)
    }
}

impl StoredKey {
    fn until(&self) -> Option<OffsetDateTime> {
        match self.state {
            KeyState::Next => Some(self.created_at + PUBLISHED_FIRST),
            KeyState::Current => None,
            KeyState::Retired => self.retired_at.map(|at| at + self.key_use.needed_for()),
        }
    }

    fn is_done_with(&self, now: OffsetDateTime) -> bool {
        self.state == KeyState::Retired && self.until().is_some_and(|until| until <= now)
    }

    fn step(&self, state: Option<KeyState>) -> Step {
        Step {
            kid: self.kid.clone(),
            key_use: self.key_use,
            state,
        }
    }
}

impl KeyRing {
    /// The keys of a ring with their times, in the ring's order.
    ///
    /// # Errors
    /// When `json` is no ring.
    pub fn list(json: &SecretString) -> Result<Vec<KeyListing>, KeyRingError> {
        let ring = StoredRing::from_json(json)?;
        let listing = |key: &StoredKey| KeyListing {
            kid: key.kid.clone(),
            key_use: key.key_use,
            state: key.state,
            created_at: key.created_at,
            until: key.until(),
        };
        Ok(ring.keys.iter().map(listing).collect())
    }

    /// The next step for the keys of `uses`: a next key is added where there
    /// is none; where there is one it takes its place, and the key before it
    /// retires. Retired keys that nothing needs any more go.
    ///
    /// # Errors
    /// [`RotationError::TooYoung`] when a next key was published less than ten
    /// minutes ago; nothing is changed then.
    pub fn rotate(
        json: &SecretString,
        uses: &[KeyUse],
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Rotation, RotationError> {
        Self::parse(json)?;
        let mut ring = StoredRing::from_json(json)?;
        let now = clock.now();
        let mut steps = Vec::new();
        let mut ready_at = None;
        for key_use in uses {
            let next = ring
                .keys
                .iter()
                .find(|key| key.key_use == *key_use && key.state == KeyState::Next);
            if let Some(next) = next {
                let kid = next.kid.clone();
                if let Some(ready_at) = next.until().filter(|ready_at| *ready_at > now) {
                    return Err(RotationError::TooYoung { kid, ready_at });
                }
                ring.promote(*key_use, now, &mut steps);
            } else {
                let key = new_key(*key_use, KeyState::Next, now, random)?;
                steps.push(key.step(Some(KeyState::Next)));
                ready_at = key.until();
                ring.keys.push(key);
            }
        }
        ring.keys.retain(|key| {
            let done_with = key.is_done_with(now);
            if done_with {
                steps.push(key.step(None));
            }
            !done_with
        });
        let ring = ring.to_json()?;
        let bytes = ring.expose_secret().len();
        if bytes > LONGEST {
            return Err(RotationError::TooLong { bytes });
        }
        Self::parse(&ring)?;
        Ok(Rotation {
            ring,
            steps,
            ready_at,
        })
    }

    /// The ring without the key `kid`.
    ///
    /// # Errors
    /// [`RotationError::InUse`] while anything needs it.
    pub fn without(
        json: &SecretString,
        kid: &str,
        clock: &dyn Clock,
    ) -> Result<Rotation, RotationError> {
        let mut ring = StoredRing::from_json(json)?;
        let key = ring.keys.iter().find(|key| key.kid == kid);
        let key = key.ok_or_else(|| RotationError::Unknown(kid.to_owned()))?;
        let why = match (key.state, key.until()) {
            (KeyState::Retired, Some(until)) if until <= clock.now() => None,
            (KeyState::Retired, Some(until)) => {
                Some(format!("what it signed or encrypted lives until {until}"))
            }
            (KeyState::Retired, None) => Some("nobody noted when it retired".to_owned()),
            (KeyState::Current, _) => Some("it is the current one".to_owned()),
            (KeyState::Next, _) => Some("it is the next one".to_owned()),
        };
        if let Some(why) = why {
            let kid = kid.to_owned();
            return Err(RotationError::InUse { kid, why });
        }
        let steps = vec![key.step(None)];
        ring.keys.retain(|key| key.kid != kid);
        Ok(Rotation {
            ring: ring.to_json()?,
            steps,
            ready_at: None,
        })
    }
}

impl StoredRing {
    /// The next key of a use takes the place of the current one.
    fn promote(&mut self, key_use: KeyUse, now: OffsetDateTime, steps: &mut Vec<Step>) {
        for key in self.keys.iter_mut().filter(|key| key.key_use == key_use) {
            match key.state {
                KeyState::Next => key.state = KeyState::Current,
                KeyState::Current => {
                    key.state = KeyState::Retired;
                    key.retired_at = Some(now.replace_nanosecond(0).unwrap_or(now));
                }
                KeyState::Retired => continue,
            }
            steps.push(key.step(Some(key.state)));
        }
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::{ManualClock, SystemRandom};
    use time::macros::datetime;

    use super::*;

    const ALL: [KeyUse; 3] = [KeyUse::Sig, KeyUse::Enc, KeyUse::Mac];

    struct World {
        clock: ManualClock,
        ring: SecretString,
    }

    impl World {
        fn new() -> Self {
            let clock = ManualClock::at(datetime!(2026-11-21 12:00:00.5 UTC));
            let ring = KeyRing::generate(&clock, &SystemRandom).unwrap();
            Self { clock, ring }
        }

        fn rotate(&mut self, uses: &[KeyUse]) -> Result<Vec<Step>, RotationError> {
            let rotation = KeyRing::rotate(&self.ring, uses, &self.clock, &SystemRandom)?;
            self.ring = rotation.ring;
            Ok(rotation.steps)
        }

        fn advance(&self, duration: Duration) {
            self.clock.advance(duration.unsigned_abs());
        }

        fn states(&self, key_use: KeyUse) -> Vec<KeyState> {
            let keys = KeyRing::list(&self.ring).unwrap();
            let of_use = keys.iter().filter(|key| key.key_use == key_use);
            of_use.map(|key| key.state).collect()
        }

        fn parsed(&self) -> KeyRing {
            KeyRing::parse(&self.ring).unwrap()
        }
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_verifies_after() {
        let mut world = World::new();
        let (message, old) = world.parsed().sign(|_| b"hello".to_vec()).unwrap();
        let old_kid = world.parsed().summary()[0].kid.clone();
        world.rotate(&[KeyUse::Sig]).unwrap();
        assert_eq!(
            world.states(KeyUse::Sig),
            [KeyState::Current, KeyState::Next]
        );
        assert_eq!(world.parsed().public_keys().len(), 2);
        let mut signed_by = String::new();
        world.advance(PUBLISHED_FIRST);
        world.rotate(&[KeyUse::Sig]).unwrap();
        assert_eq!(
            world.states(KeyUse::Sig),
            [KeyState::Retired, KeyState::Current]
        );
        let ring = world.parsed();
        ring.sign(|kid| {
            kid.clone_into(&mut signed_by);
            Vec::new()
        })
        .unwrap();
        assert_ne!(signed_by, old_kid);
        assert_eq!(ring.verify(&old_kid, &message, &old), Some(true));
        assert_eq!(ring.public_keys().len(), 2);
    }

    #[test]
    fn a_key_that_is_not_known_everywhere_is_not_used_yet() {
        let mut world = World::new();
        world.rotate(&ALL).unwrap();
        world.advance(PUBLISHED_FIRST - Duration::seconds(2));
        let before = world.ring.expose_secret().to_owned();
        assert!(matches!(
            world.rotate(&ALL),
            Err(RotationError::TooYoung { .. })
        ));
        assert_eq!(world.ring.expose_secret(), before);
        world.advance(Duration::seconds(2));
        assert_eq!(world.rotate(&ALL).unwrap().len(), 6);
    }

    #[test]
    fn a_retired_key_goes_when_nothing_needs_it() {
        let mut world = World::new();
        for _ in 0..2 {
            world.rotate(&ALL).unwrap();
            world.advance(PUBLISHED_FIRST);
        }
        world.advance(Duration::days(2));
        let steps = world.rotate(&[]).unwrap();
        assert_eq!(steps.len(), 1, "{steps:?}");
        assert_eq!((steps[0].key_use, steps[0].state), (KeyUse::Sig, None));
        assert_eq!(world.states(KeyUse::Enc).len(), 2);
        world.advance(Duration::days(90));
        assert_eq!(world.rotate(&[]).unwrap()[0].key_use, KeyUse::Enc);
        world.advance(Duration::days(3653));
        assert_eq!(world.rotate(&[]).unwrap()[0].key_use, KeyUse::Mac);
        assert!(world.rotate(&[]).unwrap().is_empty());
    }

    #[test]
    fn a_key_in_use_is_not_dropped() {
        let mut world = World::new();
        let drop = |world: &World, index: usize| {
            let kid = KeyRing::list(&world.ring).unwrap()[index].kid.clone();
            KeyRing::without(&world.ring, &kid, &world.clock)
        };
        let refused = |outcome| matches!(outcome, Err(RotationError::InUse { .. }));
        assert!(refused(drop(&world, 0)));
        world.rotate(&[KeyUse::Sig]).unwrap();
        assert!(refused(drop(&world, 3)));
        world.advance(PUBLISHED_FIRST);
        world.rotate(&[KeyUse::Sig]).unwrap();
        assert!(refused(drop(&world, 0)));
        world.advance(Duration::hours(26));
        let rotation = drop(&world, 0).unwrap();
        assert_eq!(KeyRing::list(&rotation.ring).unwrap().len(), 3);
        let unknown = KeyRing::without(&world.ring, "other", &world.clock);
        assert!(matches!(unknown, Err(RotationError::Unknown(_))));
    }

    #[test]
    fn a_ring_that_a_vault_would_not_take_is_not_made() {
        let mut world = World::new();
        let outcome = loop {
            world.advance(PUBLISHED_FIRST);
            match world.rotate(&ALL) {
                Ok(_) => assert!(world.ring.expose_secret().len() <= LONGEST),
                Err(error) => break error,
            }
        };
        assert!(
            matches!(outcome, RotationError::TooLong { .. }),
            "{outcome}"
        );
    }

    #[test]
    fn a_ring_of_the_version_before_is_read() {
        let world = World::new();
        let text = world.ring.expose_secret();
        assert!(!text.contains("retired_at"), "{text}");
        assert!(KeyRing::parse(&world.ring).is_ok());
    }
}
