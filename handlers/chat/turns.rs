//! How many turns are under way: of all people, and of each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::{too_many_own_turns, too_many_turns};
use crate::error::ApiError;
use crate::identity::UserPartition;

/// The turns that are under way on this instance.
#[derive(Debug)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    most_of_one: usize,
    /// Only of people who have some.
    of_each: Mutex<HashMap<UserPartition, usize>>,
}

/// A turn's place among them, given back when it is dropped.
#[derive(Debug)]
pub(super) struct TurnPermit {
    turns: Arc<Turns>,
    person: UserPartition,
    _of_all: OwnedSemaphorePermit,
}

impl Turns {
    /// Room for `most` turns, and for `most_of_one` of one person.
    pub(super) fn new(most: usize, most_of_one: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(most)),
            most_of_one,
            of_each: Mutex::default(),
        }
    }

    /// A place for one more turn of `person`.
    ///
    /// # Errors
    /// 429 when the person has as many as one may have, so that nobody takes
    /// the places of everybody; 503 when all places are taken.
    pub(super) fn admit(self: &Arc<Self>, person: UserPartition) -> Result<TurnPermit, ApiError> {
        let of_all = self.all.clone().try_acquire_owned();
        let mut of_each = self.of_each();
        let own = of_each.get(&person).copied().unwrap_or_default();
        if own >= self.most_of_one {
            return Err(too_many_own_turns());
        }
        let of_all = of_all.map_err(|_| too_many_turns())?;
        of_each.insert(person.clone(), own + 1);
        Ok(TurnPermit {
            turns: self.clone(),
            person,
            _of_all: of_all,
        })
    }

    fn of_each(&self) -> MutexGuard<'_, HashMap<UserPartition, usize>> {
        self.of_each.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TurnPermit {
    fn drop(&mut self) {
        let mut of_each = self.turns.of_each();
        if let Some(own) = of_each.get_mut(&self.person) {
            *own -= 1;
            if *own == 0 {
                of_each.remove(&self.person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn one_person_cannot_take_the_places_of_all() {
        let [alice, bob] = [1, 2].map(|id| UserPartition::of(Uuid::nil(), Uuid::from_u128(id)));
        let turns = Arc::new(Turns::new(3, 2));
        let code = |person: &UserPartition| turns.admit(person.clone()).unwrap_err().code();
        let first = turns.admit(alice.clone()).unwrap();
        let _second = turns.admit(alice.clone()).unwrap();
        assert_eq!(code(&alice), "TOO_MANY_OWN_TURNS");
        let third = turns.admit(bob.clone()).unwrap();
        assert_eq!(code(&bob), "TOO_MANY_TURNS");
        // Who has as many as one may have is told that, whoever has the rest.
        assert_eq!(code(&alice), "TOO_MANY_OWN_TURNS");
        drop((first, third));
        assert!(turns.admit(alice).is_ok());
        assert_eq!(turns.of_each().len(), 1, "who has none is forgotten");
    }
}
