//! The one writer of the process: takes entries off the queue and puts them
//! into storage, in batches, each with the head of its chain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use entrada_tables::{Condition, ETag, Operation, TableError};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::log::{AuditSources, Counted, Order, order};
use super::rows::{Batch, HEADS, HeadList, Standing, TABLE, head_key, pack, standing_of_head};
use super::{Hour, Place};
use crate::error::chain;
use crate::identity::{NoKeyRing, SealError};

/// Entries that are taken off the queue at once.
const MOST: usize = 2000;
/// Rows in one batch: with all that they hold they stay under 4 MiB.
const ROWS: usize = 20;
/// How long an entry that nobody waits for waits for others.
const LINGER: Duration = Duration::from_millis(400);
/// How often counts and lists of heads are seen to.
const TICK: Duration = Duration::from_secs(5);
/// How often heads are listed.
const LIST_EVERY: Duration = Duration::from_mins(1);
/// How long after its end an hour may still get entries, in seconds.
const LATE: i64 = 300;
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Why a batch was not written.
#[derive(Debug, Error)]
enum WriteError {
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
#[derive(Debug, Default)]
struct Chain {
    standing: Standing,
    etag: Option<ETag>,
    listed: bool,
}

/// A batch that is ready, the same at every try.
struct Prepared {
    operations: Vec<Operation>,
    standing: Standing,
}

/// Writes the log. There is one in a process, and it must run.
#[derive(Debug)]
pub struct Writer {
    sources: AuditSources,
    orders: mpsc::Receiver<Order>,
    counted: Arc<Counted>,
    failing: Arc<AtomicBool>,
    run: Uuid,
    chains: BTreeMap<Place, Chain>,
    /// The latest hours of which heads were listed.
    hours: BTreeSet<Hour>,
    listed_at: Duration,
}

impl Writer {
    pub(super) fn new(
        sources: AuditSources,
        orders: mpsc::Receiver<Order>,
        counted: Arc<Counted>,
        failing: Arc<AtomicBool>,
    ) -> Self {
        Self {
            run: sources.random.uuid_v4(),
            listed_at: sources.clock.monotonic(),
            sources,
            orders,
            counted,
            failing,
            chains: BTreeMap::new(),
            hours: BTreeSet::new(),
        }
    }

    /// Writes until the log is dropped, and what is queued then.
    pub async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let mut orders = Vec::new();
            tokio::select! {
                biased;
                taken = self.orders.recv_many(&mut orders, MOST) => {
                    if taken == 0 {
                        break;
                    }
                    self.gather(&mut orders).await;
                    self.write(orders).await;
                }
                _ = tick.tick() => self.tidy(false).await,
            }
            let since = self
                .sources
                .clock
                .monotonic()
                .saturating_sub(self.listed_at);
            if since >= LIST_EVERY {
                self.tidy(false).await;
            }
        }
        self.tidy(true).await;
    }

    /// Waits a little for more, unless somebody waits for what is there.
    async fn gather(&mut self, orders: &mut Vec<Order>) {
        let deadline = tokio::time::sleep(LINGER);
        tokio::pin!(deadline);
        let mut seen = 0;
        loop {
            let fresh = orders.get(seen..).unwrap_or_default();
            let awaited = fresh.iter().any(|order| order.done.is_some());
            seen = orders.len();
            if awaited || seen >= MOST {
                return;
            }
            tokio::select! {
                taken = self.orders.recv_many(orders, MOST - seen) => {
                    if taken == 0 {
                        return;
                    }
                }
                () = &mut deadline => return,
            }
        }
    }

    async fn write(&mut self, orders: Vec<Order>) {
        let mut by_place: BTreeMap<Place, Vec<Order>> = BTreeMap::new();
        for order in orders {
            by_place.entry(order.place).or_default().push(order);
        }
        for (place, orders) in by_place {
            let packs = pack(orders.iter().map(|order| order.text.as_str()));
            for packs in packs.chunks(ROWS) {
                self.append(place, packs).await;
            }
            orders
                .into_iter()
                .filter_map(|order| order.done)
                .for_each(tell);
        }
    }

    /// Appends rows to the chain of a place; tries for ever, since nothing is
    /// dropped. Meanwhile the queue fills, and requests are refused.
    async fn append(&mut self, place: Place, packs: &[(String, i64)]) {
        let mut wait = FIRST_WAIT;
        let mut prepared = None;
        while let Err(error) = self.attempt(place, packs, &mut prepared).await {
            if !self.failing.swap(true, Ordering::Relaxed) {
                tracing::error!(error = chain(&error), "the audit log cannot be written");
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("the audit log is written again");
        }
    }

    async fn attempt(
        &mut self,
        place: Place,
        packs: &[(String, i64)],
        prepared: &mut Option<Prepared>,
    ) -> Result<(), WriteError> {
        let ready = match prepared.take() {
            Some(ready) => ready,
            None => self.prepare(place, packs).await?,
        };
        let written = self.sources.tables.batch(TABLE, &ready.operations).await;
        let etag = match written {
            Ok(etags) => etags.into_iter().next_back().flatten(),
            Err(
                TableError::AlreadyExists | TableError::PreconditionFailed | TableError::NotFound,
            ) => match self.own_head(place, &ready.standing).await {
                Ok(Some(etag)) => Some(etag),
                Ok(None) => {
                    self.run = self.sources.random.uuid_v4();
                    self.chains.clear();
                    self.hours.clear();
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
        let standing = ready.standing;
        let chain = Chain {
            standing,
            etag,
            listed: false,
        };
        self.chains.insert(place, chain);
        Ok(())
    }

    async fn prepare(&self, place: Place, packs: &[(String, i64)]) -> Result<Prepared, WriteError> {
        // Keys that are still being loaded are no failure of the log's.
        let ring = self.sources.rings.current_soon().await?;
        let batch = Batch {
            place,
            run: self.run,
            days: self.sources.days,
            micros: self.sources.clock.now().unix_timestamp_nanos() / 1000,
            ring: &ring,
        };
        let known = self.chains.get(&place);
        let mut standing = known
            .map(|chain| chain.standing.clone())
            .unwrap_or_default();
        let mut operations = Vec::with_capacity(packs.len() + 1);
        for pack in packs {
            operations.push(Operation::Insert(batch.pack_row(&mut standing, pack)?));
        }
        let head = batch.head_row(&standing)?;
        operations.push(match known.and_then(|chain| chain.etag.clone()) {
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
        standing: &Standing,
    ) -> Result<Option<ETag>, TableError> {
        let key = head_key(self.run);
        let head = self
            .sources
            .tables
            .get(TABLE, &place.to_string(), &key)
            .await?;
        Ok(head
            .filter(|row| standing_of_head(row).is_ok_and(|found| found == *standing))
            .and_then(|row| row.etag))
    }

    /// Writes counts, lists heads when it is time, forgets what is over.
    async fn tidy(&mut self, at_once: bool) {
        let now = self.sources.clock.now();
        let unknown = self.counted.unknown.take();
        let repeats = self.counted.repeats.take(self.sources.clock.monotonic());
        let counted: Vec<Order> = unknown
            .into_iter()
            .chain(repeats)
            .filter_map(|entry| order(entry, now, None))
            .collect();
        self.write(counted).await;
        let monotonic = self.sources.clock.monotonic();
        if !at_once && monotonic.saturating_sub(self.listed_at) < LIST_EVERY {
            return;
        }
        self.listed_at = monotonic;
        let unlisted = self.chains.iter().filter(|(_, chain)| !chain.listed);
        let hours: BTreeSet<Hour> = unlisted.map(|(place, _)| place.hour).collect();
        for hour in hours {
            if let Err(error) = self.list(hour).await {
                tracing::warn!(
                    error = chain(&error),
                    "heads of the audit log were not listed"
                );
            }
        }
        let over = now.unix_timestamp() - LATE;
        self.chains
            .retain(|place, chain| !chain.listed || place.hour.end() > over);
    }

    /// Lists the heads of an hour, in the place of the list that was there.
    async fn list(&mut self, hour: Hour) -> Result<(), WriteError> {
        let ring = self.sources.rings.current()?;
        let heads: Vec<(Place, Standing)> = self
            .chains
            .iter()
            .filter(|(place, _)| place.hour == hour)
            .map(|(place, chain)| (*place, chain.standing.clone()))
            .collect();
        let parts = i64::try_from(heads.len().div_ceil(HEADS)).unwrap_or(i64::MAX);
        let previous = self.hours.range(..hour).next_back().copied();
        for (part, heads) in (0..).zip(heads.chunks(HEADS)) {
            let list = HeadList {
                hour,
                run: self.run,
                part,
                parts,
                previous,
                heads: heads.to_vec(),
            };
            let row = list.to_row(&ring, self.sources.days)?;
            let tables = &self.sources.tables;
            tables.replace(TABLE, &row, &Condition::None).await?;
        }
        for (place, chain) in &mut self.chains {
            chain.listed |= place.hour == hour;
        }
        self.hours.insert(hour);
        while self.hours.len() > 3 {
            self.hours.pop_first();
        }
        Ok(())
    }
}

/// A caller who no longer waits needs no telling.
fn tell(done: oneshot::Sender<()>) {
    let _ = done.send(());
}
