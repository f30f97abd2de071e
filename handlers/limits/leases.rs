//! Takes calls from buckets: from what is in hand, else by leasing more.

use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::Clock;
use entrada_tables::Tables;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::bucket::{Bucket, Desk, InHand};
use super::lease::Tick;
use super::ledger::{Block, Ledger, LedgerError, Seen};
use super::outage::Outage;

/// How long storage may take for a block.
const PATIENCE: Duration = Duration::from_secs(2);

/// Questions to storage at the same time. Whoever comes on top of that, from
/// ever new addresses say, is limited by this instance alone.
const MOST_FLIGHTS: usize = 64;

/// Sweeps at the same time.
const MOST_SWEEPS: usize = 8;

/// Blocks that a call waits for before it is refused: each time others were
/// faster to use them up.
const ROUNDS: usize = 32;

/// Whom a call is charged to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Somebody with a verified token: served while a block is fetched.
    Known,
    /// Anybody: waits until it has come.
    Stranger,
}

/// The way from buckets to storage.
#[derive(Debug)]
pub(super) struct Leases {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    outage: Outage,
    flights: Arc<Semaphore>,
    sweeps: Semaphore,
}

/// What to do with a call when nothing is in hand.
enum Decision {
    Serve,
    Refuse(Duration),
    Wait(watch::Receiver<()>),
}

/// A question under way.
struct Flight {
    bucket: Arc<Bucket>,
    want: u32,
    seen: Option<Seen>,
    /// Dropped when it has landed, which wakes who waits.
    landing: watch::Sender<()>,
    permit: OwnedSemaphorePermit,
}

impl Leases {
    pub(super) fn new(tables: Arc<dyn Tables>, clock: Arc<dyn Clock>) -> Self {
        Self {
            ledger: Ledger::new(tables, clock.clone()),
            clock,
            outage: Outage::default(),
            flights: Arc::new(Semaphore::new(MOST_FLIGHTS)),
            sweeps: Semaphore::new(MOST_SWEEPS),
        }
    }

    /// Whether storage is away, so that this instance limits by itself.
    pub(super) fn local(&self) -> bool {
        self.outage.is_on()
    }

    /// The time by which calls are taken.
    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Takes a call from a bucket.
    ///
    /// # Errors
    /// The time until there is one.
    pub(super) async fn take(
        self: &Arc<Self>,
        bucket: &Arc<Bucket>,
        standing: Standing,
        now: Duration,
    ) -> Result<(), Duration> {
        match bucket.take(Tick::of(now)) {
            InHand::Call => Ok(()),
            InHand::CallAndRenew => {
                self.renew(bucket, now);
                Ok(())
            }
            InHand::Nothing => self.take_from_storage(bucket, standing).await,
        }
    }

    async fn take_from_storage(
        self: &Arc<Self>,
        bucket: &Arc<Bucket>,
        standing: Standing,
    ) -> Result<(), Duration> {
        for _ in 0..ROUNDS {
            match self.decide(bucket, standing) {
                Decision::Serve => return Ok(()),
                Decision::Refuse(wait) => return Err(wait),
                // The sender says nothing: it is dropped.
                Decision::Wait(mut flight) => drop(flight.changed().await),
            }
        }
        Err(Duration::from_secs(1))
    }

    fn decide(self: &Arc<Self>, bucket: &Arc<Bucket>, standing: Standing) -> Decision {
        let mut desk = bucket.desk();
        let now = self.now();
        let tick = Tick::of(now);
        if bucket.take(tick) != InHand::Nothing {
            return Decision::Serve;
        }
        let under_way = desk.flight();
        if self.outage.is_on() {
            if under_way.is_none() && self.outage.may_ask(now) {
                self.ask(bucket, &mut desk, now);
            }
            return locally(bucket, &mut desk, now);
        }
        if desk.alone(now) {
            return locally(bucket, &mut desk, now);
        }
        if let Some(wait) = desk.empty_for(now) {
            return Decision::Refuse(wait);
        }
        let Some(flight) = under_way.or_else(|| self.ask(bucket, &mut desk, now)) else {
            return locally(bucket, &mut desk, now);
        };
        if standing == Standing::Known && desk.gives_credit() && bucket.take_on_credit(tick) {
            return Decision::Serve;
        }
        Decision::Wait(flight)
    }

    /// Fetches the next block while the last is still in use.
    fn renew(self: &Arc<Self>, bucket: &Arc<Bucket>, now: Duration) {
        let mut desk = bucket.desk();
        let possible = !self.outage.is_on() && desk.empty_for(now).is_none();
        if possible && desk.flight().is_none() {
            self.ask(bucket, &mut desk, now);
        }
    }

    /// Asks storage for a block, in the background; `None` when too many
    /// questions are under way.
    fn ask(
        self: &Arc<Self>,
        bucket: &Arc<Bucket>,
        desk: &mut Desk,
        now: Duration,
    ) -> Option<watch::Receiver<()>> {
        let permit = self.flights.clone().try_acquire_owned().ok()?;
        let (want, seen) = bucket.order(desk, now);
        let (landing, waiting) = desk.depart();
        let flight = Flight {
            bucket: bucket.clone(),
            want,
            seen,
            landing,
            permit,
        };
        tokio::spawn(self.clone().fly(flight));
        Some(waiting)
    }

    async fn fly(self: Arc<Self>, flight: Flight) {
        let Flight {
            bucket,
            want,
            seen,
            landing,
            permit,
        } = flight;
        let question = self.ledger.lease(&bucket.place, bucket.rate, want, seen);
        let error = match timeout(PATIENCE, question).await {
            Ok(Ok(block)) => {
                let made = block.made;
                self.land(&bucket, block);
                drop(landing);
                drop(permit);
                if made && let Ok(_turn) = self.sweeps.try_acquire() {
                    self.ledger.sweep(&bucket.place).await;
                }
                return;
            }
            Ok(Err(LedgerError::Contended)) => {
                bucket.desk().stand_alone(self.now());
                return;
            }
            Ok(Err(LedgerError::Storage(error))) => crate::error::chain(&error),
            Err(_) => "storage did not answer in time".to_owned(),
        };
        self.outage.began(self.now(), &error);
        drop(landing);
    }

    fn land(&self, bucket: &Bucket, block: Block) {
        self.outage.ended();
        let mut desk = bucket.desk();
        bucket.receive(block, &mut desk, self.now());
    }
}

fn locally(bucket: &Bucket, desk: &mut Desk, now: Duration) -> Decision {
    match desk.take_locally(bucket.rate, now) {
        Ok(()) => Decision::Serve,
        Err(wait) => Decision::Refuse(wait),
    }
}
