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

use super::{
    KeyRing, KeyRingError, KeyState, KeyUse, Need, StoredKey, StoredRing, StoredValues, new_key,
};

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
    #[error("key {kid} cannot go yet: {why}")]
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
    /// A next key: when it may be used.
    pub ready_at: Option<OffsetDateTime>,
    /// A retired key: whether it is needed.
    pub need: Option<Need>,
}

impl StoredKey {
    fn ready_at(&self) -> Option<OffsetDateTime> {
        (self.state == KeyState::Next).then(|| self.created_at + PUBLISHED_FIRST)
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
    pub fn list(
        json: &SecretString,
        stored: &StoredValues,
        clock: &dyn Clock,
    ) -> Result<Vec<KeyListing>, KeyRingError> {
        let ring = StoredRing::from_json(json)?;
        let now = clock.now();
        let listing = |key: &StoredKey| KeyListing {
            kid: key.kid.clone(),
            key_use: key.key_use,
            state: key.state,
            created_at: key.created_at,
            ready_at: key.ready_at(),
            need: key.need(stored, now),
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
        stored: &StoredValues,
        (clock, random): (&dyn Clock, &dyn Random),
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
                if let Some(ready_at) = next.ready_at().filter(|ready_at| *ready_at > now) {
                    return Err(RotationError::TooYoung { kid, ready_at });
                }
                ring.promote(*key_use, now, &mut steps);
            } else {
                let key = new_key(*key_use, KeyState::Next, now, random)?;
                steps.push(key.step(Some(KeyState::Next)));
                ready_at = key.ready_at();
                ring.keys.push(key);
            }
        }
        ring.keys.retain(|key| {
            let done_with = key.need(stored, now) == Some(Need::None);
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
        stored: &StoredValues,
        clock: &dyn Clock,
    ) -> Result<Rotation, RotationError> {
        let mut ring = StoredRing::from_json(json)?;
        let key = ring.keys.iter().find(|key| key.kid == kid);
        let key = key.ok_or_else(|| RotationError::Unknown(kid.to_owned()))?;
        let why = match (key.state, key.need(stored, clock.now())) {
            (KeyState::Retired, Some(Need::None)) => None,
            (KeyState::Retired, need) => Some(need.unwrap_or(Need::SinceWhenUnknown).to_string()),
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

    use std::collections::BTreeSet;

    use super::super::Census;
    use super::*;

    const ALL: [KeyUse; 3] = [KeyUse::Sig, KeyUse::Enc, KeyUse::Mac];

    struct World {
        clock: ManualClock,
        ring: SecretString,
        stored: StoredValues,
    }

    impl World {
        fn new() -> Self {
            let clock = ManualClock::at(datetime!(2026-11-21 12:00:00.5 UTC));
            let ring = KeyRing::generate(&clock, &SystemRandom).unwrap();
            Self {
                clock,
                ring,
                stored: StoredValues::Unknown,
            }
        }

        fn rotate(&mut self, uses: &[KeyUse]) -> Result<Vec<Step>, RotationError> {
            let rotation =
                KeyRing::rotate(&self.ring, uses, &self.stored, (&self.clock, &SystemRandom))?;
            self.ring = rotation.ring;
            Ok(rotation.steps)
        }

        fn advance(&self, duration: Duration) {
            self.clock.advance(duration.unsigned_abs());
        }

        fn states(&self, key_use: KeyUse) -> Vec<KeyState> {
            let of_use = self.list().into_iter().filter(|key| key.key_use == key_use);
            of_use.map(|key| key.state).collect()
        }

        fn list(&self) -> Vec<KeyListing> {
            KeyRing::list(&self.ring, &self.stored, &self.clock).unwrap()
        }

        /// The one retired encryption key.
        fn retired(&self) -> KeyListing {
            let retired =
                |key: &KeyListing| (key.key_use, key.state) == (KeyUse::Enc, KeyState::Retired);
            self.list().into_iter().find(retired).unwrap()
        }

        /// A look through storage from now on, of one hour, which finds values
        /// under `found`.
        fn count(&mut self, found: &[String]) {
            let begun_at = self.clock.now();
            self.advance(Duration::hours(1));
            self.stored = StoredValues::Counted(Census {
                begun_at,
                ended_at: self.clock.now(),
                looked_for: self.parsed().retired_encryption_keys(),
                found: found.iter().cloned().collect(),
            });
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
        world.advance(Duration::days(3653));
        assert_eq!(world.rotate(&[]).unwrap()[0].key_use, KeyUse::Mac);
        // However long it is: nobody knows what storage holds.
        assert_eq!(world.states(KeyUse::Enc).len(), 2);
        world.count(&[]);
        assert_eq!(world.rotate(&[]).unwrap()[0].key_use, KeyUse::Enc);
        assert!(world.rotate(&[]).unwrap().is_empty());
    }

    #[test]
    fn an_encryption_key_is_kept_while_storage_may_hold_what_it_encrypted() {
        let mut world = World::new();
        for _ in 0..2 {
            world.rotate(&[KeyUse::Enc]).unwrap();
            world.advance(PUBLISHED_FIRST);
        }
        let kid = world.retired().kid;
        let need = |world: &World| world.retired().need.unwrap();
        let kept = |world: &mut World| {
            assert!(world.rotate(&[]).unwrap().is_empty());
            let dropped = KeyRing::without(&world.ring, &kid, &world.stored, &world.clock);
            assert!(matches!(dropped, Err(RotationError::InUse { .. })));
        };
        // Others may have the ring of before.
        world.count(&[]);
        assert!(matches!(need(&world), Need::Until(_)));
        kept(&mut world);
        // What was counted then says nothing of what they have sealed since.
        world.advance(Duration::days(1));
        assert_eq!(need(&world), Need::NotCounted);
        kept(&mut world);
        for (stored, expected) in [
            (StoredValues::Unknown, Need::StorageNotAsked),
            (StoredValues::NeverCounted, Need::NotCounted),
        ] {
            world.stored = stored;
            assert_eq!(need(&world), expected);
            kept(&mut world);
        }
        world.count(std::slice::from_ref(&kid));
        assert_eq!(need(&world), Need::Stored);
        kept(&mut world);
        // It looked for others alone.
        world.count(&[]);
        let StoredValues::Counted(census) = &mut world.stored else {
            panic!("it was counted");
        };
        census.looked_for = BTreeSet::from(["another".to_owned()]);
        assert_eq!(need(&world), Need::NotCounted);
        kept(&mut world);
        // It is long ago.
        world.count(&[]);
        assert_eq!(need(&world), Need::None);
        world.advance(Duration::days(7));
        assert_eq!(need(&world), Need::NotCounted);
        kept(&mut world);
        world.count(&[]);
        let dropped = KeyRing::without(&world.ring, &kid, &world.stored, &world.clock).unwrap();
        assert_eq!(dropped.steps.len(), 1);
        assert_eq!(world.rotate(&[]).unwrap().len(), 1);
    }

    #[test]
    fn a_key_in_use_is_not_dropped() {
        let mut world = World::new();
        let drop = |world: &World, index: usize| {
            let kid = world.list()[index].kid.clone();
            KeyRing::without(&world.ring, &kid, &world.stored, &world.clock)
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
        world.ring = rotation.ring;
        assert_eq!(world.list().len(), 3);
        let unknown = KeyRing::without(&world.ring, "other", &world.stored, &world.clock);
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
