//! The one writer of the process: takes entries off the queue and has them
//! put into storage, in batches, each with the head of its chain.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use entrada_tables::Condition;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::appender::{Appended, Appender, Chain, WriteError};
use super::log::{AuditSources, Counted, Order, order};
use super::rows::{HEADS, HeadList, Standing, TABLE};
use super::waiting::Waiting;
use super::{Hour, Place};
use crate::error::chain;

/// Entries that are taken off the queue before they are written.
const MOST: usize = 2000;
/// Places that are written to at once.
const PLACES: usize = 16;
/// How long an entry that nobody waits for waits for others.
const LINGER: Duration = Duration::from_millis(400);
/// How often counts are written.
const TICK: Duration = Duration::from_secs(5);
/// How often heads are listed.
const LIST_EVERY: Duration = Duration::from_mins(1);
/// How long after its end an hour may still get entries, in seconds.
const LATE: i64 = 300;

/// Writes the log. There is one in a process, and it must run.
#[derive(Debug)]
pub struct Writer {
    sources: AuditSources,
    orders: mpsc::Receiver<Order>,
    counted: Arc<Counted>,
    appender: Arc<Appender>,
    waiting: Waiting,
    writing: FuturesUnordered<BoxFuture<'static, Appended>>,
    /// The places that are written to: one batch at a time for each.
    busy: BTreeSet<Place>,
    /// Orders that were taken off the queue and are not written yet.
    held: usize,
    /// The run of all these chains.
    run: Uuid,
    chains: BTreeMap<Place, Chain>,
    /// The latest hours of which heads were listed.
    hours: BTreeSet<Hour>,
    counted_at: Duration,
    listed_at: Duration,
}

impl Writer {
    pub(super) fn new(
        sources: AuditSources,
        orders: mpsc::Receiver<Order>,
        counted: Arc<Counted>,
        failing: Arc<AtomicUsize>,
    ) -> Self {
        let appender = Appender::new(sources.clone(), failing);
        Self {
            run: appender.run(),
            counted_at: sources.clock.monotonic(),
            listed_at: sources.clock.monotonic(),
            appender: Arc::new(appender),
            sources,
            orders,
            counted,
            waiting: Waiting::default(),
            writing: FuturesUnordered::new(),
            busy: BTreeSet::new(),
            held: 0,
            chains: BTreeMap::new(),
            hours: BTreeSet::new(),
        }
    }

    /// Writes until the log is dropped, and what is queued then.
    pub async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let linger = tokio::time::sleep(LINGER);
        tokio::pin!(linger);
        let (mut is_open, mut lingers) = (true, false);
        let mut orders = Vec::new();
        while is_open || self.held > 0 {
            self.begin();
            let room = MOST.saturating_sub(self.held);
            tokio::select! {
                // The queue comes last: it is the one that may never be empty.
                biased;
                _ = tick.tick() => {
                    self.count();
                    self.list_when_it_is_time().await;
                }
                Some(appended) = self.writing.next() => {
                    self.settle(appended);
                    if self.since(self.counted_at) >= TICK {
                        self.count();
                    }
                    self.list_when_it_is_time().await;
                }
                () = &mut linger, if lingers => {
                    lingers = false;
                    self.waiting.all_are_due();
                }
                taken = self.orders.recv_many(&mut orders, room), if is_open && room > 0 => {
                    orders.drain(..).for_each(|order| self.hold(order));
                    is_open = taken > 0;
                    if !is_open {
                        self.count();
                    }
                    if !is_open || taken == room {
                        self.waiting.all_are_due();
                    } else if !lingers && self.waiting.lingers() {
                        lingers = true;
                        linger.set(tokio::time::sleep(LINGER));
                    }
                }
            }
        }
        self.list_heads().await;
    }

    fn since(&self, moment: Duration) -> Duration {
        self.sources.clock.monotonic().saturating_sub(moment)
    }

    fn hold(&mut self, order: Order) {
        self.held += 1;
        self.waiting.add(order);
    }

    /// Begins to write what is due. A place that is slow keeps nobody waiting
    /// but those who go there too.
    fn begin(&mut self) {
        while self.writing.len() < PLACES
            && let Some((place, orders)) = self.waiting.next(|place| self.busy.contains(place))
        {
            let known = self.chains.get(&place).cloned();
            let chain = known.unwrap_or_else(|| Chain::of(self.appender.run()));
            let writing = self.appender.clone().write(place, chain, orders);
            self.writing.push(writing.boxed());
            self.busy.insert(place);
        }
    }

    /// Remembers how far a chain has come. Those of a run that has ended are
    /// forgotten.
    fn settle(&mut self, appended: Appended) {
        let Appended {
            place,
            chain,
            orders,
        } = appended;
        self.busy.remove(&place);
        self.held = self.held.saturating_sub(orders);
        if chain.run != self.run {
            if chain.run != self.appender.run() {
                return;
            }
            self.run = chain.run;
            self.chains.clear();
            self.hours.clear();
        }
        self.chains.insert(place, chain);
    }

    /// Has counts written, if there is room for them; else they go on
    /// growing.
    fn count(&mut self) {
        if self.held >= MOST {
            return;
        }
        self.counted_at = self.sources.clock.monotonic();
        let now = self.sources.clock.now();
        let unknown = self.counted.unknown.take();
        let repeats = self.counted.repeats.take(self.counted_at);
        unknown
            .into_iter()
            .chain(repeats)
            .filter_map(|entry| order(entry, now, None))
            .for_each(|order| self.hold(order));
        self.waiting.all_are_due();
    }

    async fn list_when_it_is_time(&mut self) {
        if self.since(self.listed_at) >= LIST_EVERY {
            self.list_heads().await;
        }
    }

    /// Lists heads that are not listed, and forgets what is over.
    async fn list_heads(&mut self) {
        self.listed_at = self.sources.clock.monotonic();
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
        let over = self.sources.clock.now().unix_timestamp() - LATE;
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
