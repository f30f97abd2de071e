//! Appends rows to chains. Those of different places do not depend on each
//! other, so that they grow side by side.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entrada_tables::{Condition, ETag, Operation, TableError};
use thiserror::Error;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::Place;
use super::log::{AuditSources, Order};
use super::rows::{Batch, Standing, TABLE, head_key, pack, standing_of_head};
use crate::identity::{NoKeyRing, SealError};

/// Rows in one batch: with all that they hold they stay under 4 MiB.
const ROWS: usize = 20;
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Why a batch was not written.
#[derive(Debug, Error)]
pub(super) enum WriteError {
    #[error("storage does not take it")]
    Storage(#[from] TableError),
    #[error(transparent)]
    NoKeys(#[from] NoKeyRing),
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("the head of a chain is not the one that this run wrote; a new run begins")]
    ForeignHead,
}

/// The chain of a place.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    pub(super) run: Uuid,
    pub(super) standing: Standing,
    etag: Option<ETag>,
    pub(super) listed: bool,
}

impl Chain {
    /// One that begins.
    pub(super) fn of(run: Uuid) -> Self {
        Self {
            run,
            standing: Standing::default(),
            etag: None,
            listed: false,
        }
    }
}

/// A batch that is ready, the same at every try.
struct Prepared {
    operations: Vec<Operation>,
    standing: Standing,
}

/// What came of the orders of a place.
pub(super) struct Appended {
    pub(super) place: Place,
    pub(super) chain: Chain,
    /// How many orders there were.
    pub(super) orders: usize,
}

/// Appends rows to chains.
#[derive(Debug)]
pub(super) struct Appender {
    sources: AuditSources,
    /// The run under which chains begin now.
    run: Mutex<Uuid>,
    /// How many places there are whose rows storage does not take.
    failing: Arc<AtomicUsize>,
}

impl Appender {
    pub(super) fn new(sources: AuditSources, failing: Arc<AtomicUsize>) -> Self {
        Self {
            run: Mutex::new(sources.random.uuid_v4()),
            sources,
            failing,
        }
    }

    /// The run under which chains begin now.
    pub(super) fn run(&self) -> Uuid {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run after one that has ended. The first chain that finds it ended
    /// begins the next one for all.
    fn run_after(&self, ended: Uuid) -> Uuid {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        if *run == ended {
            *run = self.sources.random.uuid_v4();
        }
        *run
    }

    /// Writes the orders of a place and tells those who wait for them.
    pub(super) async fn write(
        self: Arc<Self>,
        place: Place,
        mut chain: Chain,
        orders: Vec<Order>,
    ) -> Appended {
        let packs = pack(orders.iter().map(|order| order.text.as_str()));
        for packs in packs.chunks(ROWS) {
            self.append(place, &mut chain, packs).await;
        }
        let written = orders.len();
        orders
            .into_iter()
            .filter_map(|order| order.done)
            .for_each(tell);
        Appended {
            place,
            chain,
            orders: written,
        }
    }

    /// Appends rows to the chain of a place; tries for ever, since nothing is
    /// dropped. Meanwhile the queue fills, and requests are refused.
    async fn append(&self, place: Place, chain: &mut Chain, packs: &[(String, i64)]) {
        let mut wait = FIRST_WAIT;
        let mut prepared = None;
        let mut failing = None;
        while let Err(error) = self.attempt(place, chain, packs, &mut prepared).await {
            failing.get_or_insert_with(|| Failing::because(&error, &self.failing));
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn attempt(
        &self,
        place: Place,
        chain: &mut Chain,
        packs: &[(String, i64)],
        prepared: &mut Option<Prepared>,
    ) -> Result<(), WriteError> {
        let ready = match prepared.take() {
            Some(ready) => ready,
            None => self.prepare(place, chain, packs).await?,
        };
        let written = self.sources.tables.batch(TABLE, &ready.operations).await;
        let etag = match written {
            Ok(etags) => etags.into_iter().next_back().flatten(),
            Err(
                TableError::AlreadyExists | TableError::PreconditionFailed | TableError::NotFound,
            ) => match self.own_head(place, chain.run, &ready.standing).await {
                Ok(Some(etag)) => Some(etag),
                Ok(None) => {
                    *chain = Chain::of(self.run_after(chain.run));
                    return Err(WriteError::ForeignHead);
                }
                Err(error) => {
                    *prepared = Some(ready);
                    return Err(error.into());
                }
            },
            Err(error) => {
                *prepared = Some(ready);
                return Err(error.into());
            }
        };
        *chain = Chain {
            run: chain.run,
            standing: ready.standing,
            etag,
            listed: false,
        };
        Ok(())
    }

    async fn prepare(
        &self,
        place: Place,
        chain: &Chain,
        packs: &[(String, i64)],
    ) -> Result<Prepared, WriteError> {
        // Keys that are still being loaded are no failure of the log's.
        let ring = self.sources.rings.current_soon().await?;
        let batch = Batch {
            place,
            run: chain.run,
            days: self.sources.days,
            micros: self.sources.clock.now().unix_timestamp_nanos() / 1000,
            ring: &ring,
        };
        let mut standing = chain.standing.clone();
        let mut operations = Vec::with_capacity(packs.len() + 1);
        for pack in packs {
            operations.push(Operation::Insert(batch.pack_row(&mut standing, pack)?));
        }
        let head = batch.head_row(&standing)?;
        operations.push(match chain.etag.clone() {
            Some(etag) => Operation::Replace(head, Condition::Matches(etag)),
            None => Operation::Insert(head),
        });
        Ok(Prepared {
            operations,
            standing,
        })
    }

    /// The version of the head, if it is the one that was just written: an
    /// answer that was lost.
    async fn own_head(
        &self,
        place: Place,
        run: Uuid,
        standing: &Standing,
    ) -> Result<Option<ETag>, TableError> {
        let key = head_key(run);
        let head = self
            .sources
            .tables
            .get(TABLE, &place.to_string(), &key)
            .await?;
        Ok(head
            .filter(|row| standing_of_head(row).is_ok_and(|found| found == *standing))
            .and_then(|row| row.etag))
    }
}

/// A place that fails, for as long as it does. The log is told of the first
/// and of the end of the last.
struct Failing<'a>(&'a AtomicUsize);

impl<'a> Failing<'a> {
    fn because(error: &WriteError, places: &'a AtomicUsize) -> Self {
        if places.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!(
                error = crate::error::chain(error),
                "the audit log cannot be written"
            );
        }
        Self(places)
    }
}

impl Drop for Failing<'_> {
    fn drop(&mut self) {
        if self.0.fetch_sub(1, Ordering::Relaxed) == 1 {
            tracing::info!("the audit log is written again");
        }
    }
}

/// A caller who no longer waits needs no telling.
fn tell(done: oneshot::Sender<()>) {
    let _ = done.send(());
}
