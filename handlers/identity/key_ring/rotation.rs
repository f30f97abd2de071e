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
    /// A leaked key that does not sign tokens.
    #[error("key {kid} cannot go at once, leaked or not: {why}")]
    NotForTokens {
        /// The key.
        kid: String,
        /// What would be lost, and what to do.
        why: &'static str,
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
    /// When the next keys, of those that were asked for, may be used.
    pub ready_at: Option<OffsetDateTime>,
    /// The uses whose next keys may not be used yet, of those that were asked
    /// for.
    pub waiting: Vec<KeyUse>,
}

impl Rotation {
    fn new(ring: &StoredRing, steps: Vec<Step>) -> Result<Self, RotationError> {
        let ring = ring.to_json()?;
        let bytes = ring.expose_secret().len();
        if bytes > LONGEST {
            return Err(RotationError::TooLong { bytes });
        }
        KeyRing::parse(&ring)?;
        Ok(Self {
            ring,
            steps,
            ready_at: None,
            waiting: Vec::new(),
        })
    }
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
        Self::take_into_use(json, uses, stored, clock)?;
        Self::begin(json, uses, stored, (clock, random))
    }

    /// The first of two steps for the keys of `uses`, wherever each is in its
    /// life: a next key that may be used takes its place, one that may not be
    /// used yet is waited for, and where there is none one is added and waited
    /// for. [`Self::take_into_use`] is the second, for those that were waited
    /// for. Retired keys that nothing needs any more go.
    ///
    /// # Errors
    /// When the ring cannot be read, or would be too long.
    pub fn begin(
        json: &SecretString,
        uses: &[KeyUse],
        stored: &StoredValues,
        (clock, random): (&dyn Clock, &dyn Random),
    ) -> Result<Rotation, RotationError> {
        Self::parse(json)?;
        let mut ring = StoredRing::from_json(json)?;
        let now = clock.now();
        let mut steps = Vec::new();
        let mut waiting = Vec::new();
        let mut ready_at = None;
        for key_use in uses {
            let ready = match ring.next_ready_at(*key_use) {
                Some(ready) if ready <= now => {
                    ring.promote(*key_use, now, &mut steps);
                    continue;
                }
                Some(ready) => Some(ready),
                None => {
                    let key = new_key(*key_use, KeyState::Next, now, random)?;
                    steps.push(key.step(Some(KeyState::Next)));
                    let ready = key.ready_at();
                    ring.keys.push(key);
                    ready
                }
            };
            waiting.push(*key_use);
            ready_at = ready_at.max(ready);
        }
        ring.drop_unneeded(stored, now, &mut steps);
        let rotation = Rotation::new(&ring, steps)?;
        Ok(Rotation {
            ready_at,
            waiting,
            ..rotation
        })
    }

    /// Takes the next keys of `uses` into use, and adds none: where there is no
    /// next key, somebody else was there before. Retired keys that nothing
    /// needs any more go.
    ///
    /// # Errors
    /// [`RotationError::TooYoung`] when one was published less than ten minutes
    /// ago; nothing is changed then.
    pub fn take_into_use(
        json: &SecretString,
        uses: &[KeyUse],
        stored: &StoredValues,
        clock: &dyn Clock,
    ) -> Result<Rotation, RotationError> {
        Self::parse(json)?;
        let mut ring = StoredRing::from_json(json)?;
        let now = clock.now();
        let mut steps = Vec::new();
        for key_use in uses {
            let Some(next) = ring.next(*key_use) else {
                continue;
            };
            if let Some(ready_at) = next.ready_at().filter(|ready_at| *ready_at > now) {
                let kid = next.kid.clone();
                return Err(RotationError::TooYoung { kid, ready_at });
            }
            ring.promote(*key_use, now, &mut steps);
        }
        ring.drop_unneeded(stored, now, &mut steps);
        Rotation::new(&ring, steps)
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
        Rotation::new(&ring, steps)
    }

    /// The ring without the leaked key `kid`, which signs access tokens: who has
    /// it could sign in as anybody. What it signed is good no more. Of the
    /// current key the next one takes the place at once, however young it is;
    /// where there is none, a new one does.
    ///
    /// # Errors
    /// [`RotationError::NotForTokens`] for keys of other uses.
    pub fn without_leaked(
        json: &SecretString,
        kid: &str,
        (clock, random): (&dyn Clock, &dyn Random),
    ) -> Result<Rotation, RotationError> {
        let mut ring = StoredRing::from_json(json)?;
        let position = ring.keys.iter().position(|key| key.kid == kid);
        let position = position.ok_or_else(|| RotationError::Unknown(kid.to_owned()))?;
        let leaked = ring.keys.remove(position);
        let why = match leaked.key_use {
            KeyUse::Sig => None,
            KeyUse::Enc => Some(
                "sign-ins and whatever else is stored under it would be lost; rotate, sweeps \
                 re-encrypt that, and it goes when nothing is left",
            ),
            KeyUse::Mac => Some(
                "the audit log that it chains could not be verified any more; rotate, so that \
                 another chains what comes",
            ),
        };
        if let Some(why) = why {
            let kid = kid.to_owned();
            return Err(RotationError::NotForTokens { kid, why });
        }
        let now = clock.now();
        let mut steps = vec![leaked.step(None)];
        if leaked.state == KeyState::Current {
            if ring.next(KeyUse::Sig).is_none() {
                let key = new_key(KeyUse::Sig, KeyState::Next, now, random)?;
                ring.keys.push(key);
            }
            ring.promote(KeyUse::Sig, now, &mut steps);
        }
        Rotation::new(&ring, steps)
    }
}

impl StoredRing {
    fn next(&self, key_use: KeyUse) -> Option<&StoredKey> {
        self.keys
            .iter()
            .find(|key| key.key_use == key_use && key.state == KeyState::Next)
    }

    fn next_ready_at(&self, key_use: KeyUse) -> Option<OffsetDateTime> {
        self.next(key_use).and_then(StoredKey::ready_at)
    }

    /// Drops the retired keys that nothing needs.
    fn drop_unneeded(&mut self, stored: &StoredValues, now: OffsetDateTime, steps: &mut Vec<Step>) {
        self.keys.retain(|key| {
            let done_with = key.need(stored, now) == Some(Need::None);
            if done_with {
                steps.push(key.step(None));
            }
            !done_with
        });
    }

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

    /// Both steps, the second when the keys that the first left waiting may be
    /// used; what the first waited for.
    fn both_steps(world: &mut World) -> Vec<KeyUse> {
        let ambient: (&dyn Clock, &dyn Random) = (&world.clock, &SystemRandom);
        let begun = KeyRing::begin(&world.ring, &ALL, &world.stored, ambient).unwrap();
        world.ring = begun.ring;
        let early =
            KeyRing::take_into_use(&world.ring, &begun.waiting, &world.stored, &world.clock);
        assert!(matches!(early, Err(RotationError::TooYoung { .. })));
        world.advance(begun.ready_at.unwrap() - world.clock.now());
        let done = KeyRing::take_into_use(&world.ring, &begun.waiting, &world.stored, &world.clock);
        world.ring = done.unwrap().ring;
        begun.waiting
    }

    #[test]
    fn both_steps_leave_no_next_key_where_one_could_be_used_before() {
        let mut world = World::new();
        world.rotate(&[KeyUse::Sig]).unwrap();
        world.advance(PUBLISHED_FIRST);
        assert_eq!(both_steps(&mut world), [KeyUse::Enc, KeyUse::Mac]);
        for key_use in ALL {
            assert_eq!(
                world.states(key_use),
                [KeyState::Retired, KeyState::Current],
                "{key_use:?}"
            );
        }
    }

    #[test]
    fn both_steps_wait_for_the_youngest_where_one_cannot_be_used_yet() {
        let mut world = World::new();
        world.rotate(&[KeyUse::Sig]).unwrap();
        world.advance(Duration::minutes(3));
        assert_eq!(both_steps(&mut world), ALL);
        for key_use in ALL {
            assert_eq!(
                world.states(key_use),
                [KeyState::Retired, KeyState::Current],
                "{key_use:?}"
            );
        }
    }

    #[test]
    fn what_somebody_else_took_into_use_meanwhile_is_left_alone() {
        let world = World::new();
        let rotation = KeyRing::take_into_use(&world.ring, &ALL, &world.stored, &world.clock);
        assert!(rotation.unwrap().steps.is_empty());
    }

    #[test]
    fn a_leaked_key_goes_at_once_and_another_signs() {
        let mut world = World::new();
        let leaked = |world: &World, kid: &str| {
            KeyRing::without_leaked(&world.ring, kid, (&world.clock, &SystemRandom))
        };
        let of_tokens = |world: &World| {
            let keys = world.list().into_iter();
            let keys = keys.filter(|key| key.key_use == KeyUse::Sig);
            keys.map(|key| key.kid).collect::<Vec<_>>()
        };
        // The current one, where there is no next one.
        let first = of_tokens(&world).remove(0);
        let (message, signature) = world.parsed().sign(|_| b"hello".to_vec()).unwrap();
        let rotation = leaked(&world, &first).unwrap();
        let gone = (rotation.steps[0].kid.as_str(), rotation.steps[0].state);
        assert_eq!(gone, (first.as_str(), None));
        world.ring = rotation.ring;
        assert_eq!(world.states(KeyUse::Sig), [KeyState::Current]);
        assert_eq!(world.parsed().verify(&first, &message, &signature), None);
        // The current one, where there is a next one, however young.
        world.rotate(&[KeyUse::Sig]).unwrap();
        let [second, third] = <[String; 2]>::try_from(of_tokens(&world)).unwrap();
        world.ring = leaked(&world, &second).unwrap().ring;
        assert_eq!(of_tokens(&world), std::slice::from_ref(&third));
        assert_eq!(world.states(KeyUse::Sig), [KeyState::Current]);
        // One that has retired a moment ago.
        world.rotate(&[KeyUse::Sig]).unwrap();
        world.advance(PUBLISHED_FIRST);
        world.rotate(&[KeyUse::Sig]).unwrap();
        world.ring = leaked(&world, &third).unwrap().ring;
        assert_eq!(world.states(KeyUse::Sig), [KeyState::Current]);
        // The next one: the current one signs on.
        let current = of_tokens(&world);
        world.rotate(&[KeyUse::Sig]).unwrap();
        let next = of_tokens(&world).remove(1);
        world.ring = leaked(&world, &next).unwrap().ring;
        assert_eq!(of_tokens(&world), current);
        assert!(matches!(
            leaked(&world, &next),
            Err(RotationError::Unknown(_))
        ));
    }

    #[test]
    fn a_leaked_key_that_does_not_sign_tokens_stays_and_the_reason_is_given() {
        let world = World::new();
        for key in world.list().iter().filter(|key| key.key_use != KeyUse::Sig) {
            let ambient: (&dyn Clock, &dyn Random) = (&world.clock, &SystemRandom);
            let refused = KeyRing::without_leaked(&world.ring, &key.kid, ambient).unwrap_err();
            assert!(matches!(refused, RotationError::NotForTokens { .. }));
            assert!(refused.to_string().contains("rotate"), "{refused}");
        }
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
