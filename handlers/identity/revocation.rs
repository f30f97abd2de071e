//! Revocation: who and what has been cut off, known to every instance within
//! seconds.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::Clock;
use entrada_tables::{Condition, Query, Row, TableError, Tables};
use uuid::Uuid;

use super::{Principal, UserPartition};

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
            Self::Client(id) => format!("client-{}", client_key(id)),
            Self::Tenant(id) => format!("tenant-{id}"),
        }
    }
}

fn client_key(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, id.as_bytes()))
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
}

impl Revocations {
    /// A list that has yet to be loaded.
    #[must_use]
    pub fn new(tables: Arc<dyn Tables>, clock: Arc<dyn Clock>) -> Self {
        Self {
            tables,
            clock,
            list: RwLock::default(),
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
        Ok(())
    }

    /// Loads the list every few seconds, for ever.
    pub async fn keep_loading(self: Arc<Self>) {
        let mut failing = false;
        loop {
            match self.load().await {
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
