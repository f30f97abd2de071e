//! Revocation: who and what has been cut off, known to every instance within
//! seconds.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use entrada_ambient::Clock;
use entrada_tables::{Condition, Query, Row, TableError, Tables};
use uuid::Uuid;

use super::{Principal, UserPartition};
use crate::first_load::FirstLoad;
use crate::text::hash;

/// The table of revocations; one partition, so that loading is one query.
pub const TABLE: &str = "entradarevocations";
const PARTITION: &str = "all";

/// How often the list is loaded.
const RELOAD_EVERY: Duration = Duration::from_secs(5);
/// How old the list may be before nobody is let in.
const STALE_AFTER: Duration = Duration::from_mins(1);
/// More rows than this are a mistake or an attack; the load fails, and with
/// it, after a minute, every authenticated answer.
const MOST_ROWS: usize = 200_000;

/// What is cut off.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// One sign-in of a user with a client.
    Grant(Uuid),
    /// Everything of a user.
    User(UserPartition),
    /// Everything of a client.
    Client(String),
    /// Everything of a tenant.
    Tenant(Uuid),
}

impl Revoked {
    fn row_key(&self) -> String {
        match self {
            Self::Grant(id) => format!("grant-{id}"),
            Self::User(partition) => format!("user-{}", partition.as_str()),
            Self::Client(id) => format!("client-{}", hash(id)),
            Self::Tenant(id) => format!("tenant-{id}"),
        }
    }
}

/// How something is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// What was signed in at or before this time (epoch seconds) is refused,
    /// also when it was refreshed since.
    pub not_before: i64,
    /// Nothing is accepted at all.
    pub blocked: bool,
}

/// What the list says about a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationCheck {
    /// Nothing stands against the caller.
    Clear,
    /// The caller was cut off.
    Revoked,
    /// The list is older than a minute or was never loaded: nobody can be
    /// let in (503).
    Unknown,
}

#[derive(Debug, Default)]
struct List {
    entries: HashMap<String, Revocation>,
    loaded_at: Option<Duration>,
    /// What this instance added, and when: a load that was under way then
    /// does not know it.
    own: HashMap<String, (Revocation, Duration)>,
}

/// The list in memory and its way to storage.
#[derive(Debug)]
pub struct Revocations {
    tables: Arc<dyn Tables>,
    clock: Arc<dyn Clock>,
    list: RwLock<Arc<List>>,
    /// The first load of the list.
    first: FirstLoad,
}

impl Revocations {
    /// A list that has yet to be loaded.
    #[must_use]
    pub fn new(tables: Arc<dyn Tables>, clock: Arc<dyn Clock>) -> Self {
        Self {
            tables,
            clock,
            list: RwLock::default(),
            first: FirstLoad::default(),
        }
    }

    fn list(&self) -> Arc<List> {
        self.list
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Loads the list from storage.
    ///
    /// # Errors
    /// When storage does not answer; the list in memory stays as it was.
    pub async fn load(&self) -> Result<(), TableError> {
        let started = self.clock.monotonic();
        let now = self.clock.unix();
        let mut entries = HashMap::new();
        let mut query = Query::partition(PARTITION);
        loop {
            let page = self.tables.query(TABLE, &query).await?;
            for row in &page.rows {
                if row.is_expired(now) {
                    continue;
                }
                entries.insert(
                    row.row.clone(),
                    Revocation {
                        not_before: row.int64("not_before")?,
                        blocked: row.boolean("blocked")?,
                    },
                );
            }
            if entries.len() > MOST_ROWS {
                return Err(TableError::Invalid {
                    reason: "the revocation list is implausibly long".to_owned(),
                });
            }
            match page.continuation {
                Some(continuation) => query = query.after(continuation),
                None => break,
            }
        }
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let mut own = list.own.clone();
        own.retain(|_, (_, added)| *added >= started);
        let added = own.iter().map(|(key, (entry, _))| (key.clone(), *entry));
        entries.extend(added);
        *list = Arc::new(List {
            entries,
            loaded_at: Some(started),
            own,
        });
        drop(list);
        self.first.settle();
        Ok(())
    }

    /// The first load has been tried: nobody waits for it any more.
    pub fn settle(&self) {
        self.first.settle();
    }

    /// Waits until the list has been loaded once, or could not be. Only the
    /// first requests of a server that has just started have to.
    pub async fn settled(&self) {
        self.first.settled().await;
    }

    /// Loads the list again every few seconds, for ever. `loaded` is what came
    /// of the load before.
    pub async fn keep_loading(&self, mut loaded: Result<(), TableError>) {
        let mut failing = false;
        loop {
            match loaded {
                Ok(()) if failing => {
                    failing = false;
                    tracing::info!("the revocation list is up to date again");
                }
                Ok(()) => {}
                Err(error) => {
                    if !failing {
                        tracing::warn!(
                            error = crate::error::chain(&error),
                            "the revocation list could not be loaded"
                        );
                    }
                    failing = true;
                }
            }
            tokio::time::sleep(RELOAD_EVERY).await;
            loaded = self.load().await;
        }
    }

    /// Whether the list is young enough to decide by.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.age().is_some_and(|age| age <= STALE_AFTER)
    }

    /// How old the list is; `None` before the first load.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let loaded = self.list().loaded_at?;
        Some(self.clock.monotonic().saturating_sub(loaded))
    }

    /// How much is on the list.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list().entries.len()
    }

    /// Whether nothing is on the list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the list says about `principal`. In memory, on every request.
    #[must_use]
    pub fn check(&self, principal: &Principal) -> RevocationCheck {
        if let Some(answer) = self.at_once() {
            return answer;
        }
        let mut subjects = vec![
            Revoked::User(principal.partition()),
            Revoked::Tenant(principal.tenant_id()),
        ];
        subjects.extend(principal.grant_id().map(Revoked::Grant));
        subjects.extend(principal.client_id().map(Revoked::Client));
        self.check_since(&subjects, principal.signed_in_at())
    }

    /// The same, for those who can wait a moment for a server that has just
    /// started. With a list that is fresh this is [`Revocations::check`].
    pub async fn check_soon(&self, principal: &Principal) -> RevocationCheck {
        match self.check(principal) {
            RevocationCheck::Unknown => {
                self.settled().await;
                self.check(principal)
            }
            known => known,
        }
    }

    /// What the list says about anybody, when it does not matter who: it is too
    /// old, or empty, as nearly always.
    fn at_once(&self) -> Option<RevocationCheck> {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = list
            .loaded_at
            .is_some_and(|loaded| self.clock.monotonic().saturating_sub(loaded) <= STALE_AFTER);
        if !fresh {
            return Some(RevocationCheck::Unknown);
        }
        list.entries.is_empty().then_some(RevocationCheck::Clear)
    }

    /// What the list says about something that began at `since` (epoch
    /// seconds) and concerns all of `subjects`.
    #[must_use]
    pub fn check_since(&self, subjects: &[Revoked], since: i64) -> RevocationCheck {
        if let Some(answer) = self.at_once() {
            return answer;
        }
        let list = self.list();
        let revoked = subjects.iter().any(|subject| {
            list.entries
                .get(&subject.row_key())
                .is_some_and(|entry| entry.blocked || since <= entry.not_before)
        });
        if revoked {
            RevocationCheck::Revoked
        } else {
            RevocationCheck::Clear
        }
    }

    /// Cuts something off: durable when this returns, in force here at once
    /// and elsewhere within seconds. `until` (epoch seconds) is when the
    /// last token that it concerns has expired anyway.
    ///
    /// # Errors
    /// When storage does not take it.
    pub async fn revoke(
        &self,
        what: &Revoked,
        revocation: Revocation,
        until: i64,
    ) -> Result<(), TableError> {
        let row = Row::new(PARTITION, what.row_key())
            .with("not_before", revocation.not_before)
            .with("blocked", revocation.blocked)
            .with("expires_at", until);
        self.tables.replace(TABLE, &row, &Condition::None).await?;
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        let (mut entries, mut own) = (list.entries.clone(), list.own.clone());
        entries.insert(what.row_key(), revocation);
        own.insert(what.row_key(), (revocation, self.clock.monotonic()));
        *list = Arc::new(List {
            entries,
            loaded_at: list.loaded_at,
            own,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::downstream::testing::{ALICE, HOME, World};

    /// Somebody who calls, and a list that was never loaded.
    async fn unloaded() -> (World, Principal, Revocations) {
        let world = World::new("{}").await;
        let caller = world.caller(&world.entra_token(HOME, ALICE)).await;
        let revocations = Revocations::new(world.tables.clone(), world.clock.clone());
        (world, caller, revocations)
    }

    #[tokio::test]
    async fn the_first_list_is_waited_for() {
        let (world, caller, revocations) = unloaded().await;
        let mut waiting = Box::pin(revocations.check_soon(&caller));
        assert_eq!(waiting.as_mut().now_or_never(), None);
        let revocation = Revocation {
            not_before: world.clock.unix(),
            blocked: true,
        };
        let until = world.clock.unix() + 3600;
        let revoked = world
            .revocations
            .revoke(&Revoked::Tenant(HOME), revocation, until);
        revoked.await.unwrap();
        revocations.load().await.unwrap();
        assert_eq!(waiting.now_or_never(), Some(RevocationCheck::Revoked));
    }

    #[tokio::test]
    async fn a_list_that_cannot_be_had_lets_everybody_go_at_once() {
        let (world, caller, revocations) = unloaded().await;
        let mut waiting = Box::pin(revocations.check_soon(&caller));
        assert_eq!(waiting.as_mut().now_or_never(), None);
        world.tables.lose(TABLE);
        revocations.load().await.unwrap_err();
        revocations.settle();
        let unknown = Some(RevocationCheck::Unknown);
        assert_eq!(waiting.now_or_never(), unknown);
        assert_eq!(revocations.check_soon(&caller).now_or_never(), unknown);
    }

    #[tokio::test]
    async fn a_list_that_has_become_old_is_not_waited_for() {
        let (world, caller, revocations) = unloaded().await;
        revocations.load().await.unwrap();
        world.clock.advance(STALE_AFTER + Duration::from_secs(1));
        let checked = revocations.check_soon(&caller).now_or_never();
        assert_eq!(checked, Some(RevocationCheck::Unknown));
    }
}
