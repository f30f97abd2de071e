//! One bucket as one instance sees it: what it has in hand, and what it knows
//! of the rest.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::lease::{Lease, Tick};
use super::ledger::{Block, Place, Seen};
use super::rate::{Level, Rate};

/// How long a block may be used. What is left then is not given back, so a
/// longer time would leave more unused with instances that no longer need it.
pub(super) const LEASE_SECONDS: u32 = 5;

/// A lease that is renewed before it ends is renewed when it has less than
/// this left, in seconds.
const RENEWED_SECONDS: u32 = 1;

/// Blocks of fewer calls are not renewed before they are used up: their next
/// one might never be needed.
const LEAST_RENEWED: u32 = 8;

/// How long an empty bucket is left alone at least.
const POLL: Duration = Duration::from_millis(100);

/// How long an instance serves by itself from a bucket that too many others
/// change at the same time.
const ALONE: Duration = Duration::from_secs(1);

/// A bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) place: Place,
    pub(super) rate: Rate,
    lease: Lease,
    /// When so many are left the next block is fetched; 0: not before the
    /// last is used up.
    low: AtomicU32,
    desk: Mutex<Desk>,
}

/// What is needed when nothing is in hand. Never locked across an await.
#[derive(Debug)]
pub(super) struct Desk {
    /// The calls that the next block should have.
    want: u32,
    /// The calls that there were when the last block came, those that it
    /// paid for among them, and when that was.
    supply: u32,
    came_at: Duration,
    /// Until when, by the monotonic clock, the bucket is known to be empty.
    empty_until: Duration,
    /// Whether the last block emptied the bucket.
    scarce: bool,
    /// Until when this instance serves by itself.
    alone_until: Duration,
    /// The row as it was last seen.
    seen: Option<Seen>,
    /// Ends when the question that is under way has been answered.
    flight: Option<watch::Receiver<()>>,
    /// The bucket that serves while storage is away, by the monotonic clock.
    local: Level,
}

/// What a look at the lease says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InHand {
    /// The call is served, and there is enough for the next ones.
    Call,
    /// The call is served; it is time to fetch the next block.
    CallAndRenew,
    /// There is nothing in hand.
    Nothing,
}

impl Bucket {
    pub(super) fn new(place: Place, rate: Rate) -> Self {
        Self {
            place,
            rate,
            lease: Lease::none(),
            low: AtomicU32::new(0),
            desk: Mutex::new(Desk {
                want: rate.first_block(),
                supply: 0,
                came_at: Duration::ZERO,
                empty_until: Duration::ZERO,
                scarce: false,
                alone_until: Duration::ZERO,
                seen: None,
                flight: None,
                local: Level::FULL,
            }),
        }
    }

    /// Takes a call from what is in hand: one atomic operation.
    pub(super) fn take(&self, now: Tick) -> InHand {
        let Some(taken) = self.lease.take(now) else {
            return InHand::Nothing;
        };
        let low = self.low.load(Ordering::Relaxed);
        if low > 0 && (taken.left == low || taken.until <= now.plus(RENEWED_SECONDS)) {
            return InHand::CallAndRenew;
        }
        InHand::Call
    }

    /// Takes a call that the next block pays for.
    pub(super) fn take_on_credit(&self, now: Tick) -> bool {
        self.lease.take_on_credit(now)
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a block in hand.
    pub(super) fn receive(&self, block: Block, desk: &mut Desk, now: Duration) {
        let tick = Tick::of(now);
        let in_hand = self.lease.add(block.calls, tick, tick.plus(LEASE_SECONDS));
        let low = if in_hand >= LEAST_RENEWED {
            in_hand / 4
        } else {
            0
        };
        self.low.store(low, Ordering::Relaxed);
        desk.supply = in_hand.max(block.calls);
        desk.came_at = now;
        desk.scarce = !block.wait.is_zero();
        if desk.scarce {
            desk.empty_until = now + block.wait.max(POLL);
        }
        desk.seen = block.seen;
    }

    /// What to ask for now: as much as was used in the time of the last
    /// lease, never more than twice as much as then.
    pub(super) fn order(&self, desk: &mut Desk, now: Duration) -> (u32, Option<Seen>) {
        let time = Duration::from_secs(u64::from(LEASE_SECONDS));
        if desk.supply > 0 {
            let used = desk.supply.saturating_sub(self.lease.unused());
            let age = now
                .saturating_sub(desk.came_at)
                .clamp(Duration::from_millis(1), time);
            let needed = u128::from(used) * time.as_millis() / age.as_millis().max(1);
            let needed = u32::try_from(needed).unwrap_or(u32::MAX);
            desk.want = needed.min(desk.want.saturating_mul(2));
        }
        desk.want = desk.want.clamp(1, self.rate.largest_block());
        // What is in hand yet stays there when the block comes.
        let missing = desk.want.saturating_sub(self.lease.left(Tick::of(now)));
        (missing.max(1), desk.seen.clone())
    }
}

impl Desk {
    /// How long the bucket is known to be empty yet; `None` when it is worth
    /// asking.
    pub(super) fn empty_for(&self, now: Duration) -> Option<Duration> {
        self.empty_until
            .checked_sub(now)
            .filter(|wait| !wait.is_zero())
    }

    /// Whether calls may be served before they are paid for.
    pub(super) fn gives_credit(&self) -> bool {
        !self.scarce
    }

    /// Whether this instance serves by itself.
    pub(super) fn alone(&self, now: Duration) -> bool {
        now < self.alone_until
    }

    /// Notes that too many others change the bucket in storage.
    pub(super) fn stand_alone(&mut self, now: Duration) {
        self.alone_until = now + ALONE;
    }

    /// The question that is under way, if there is one.
    pub(super) fn flight(&self) -> Option<watch::Receiver<()>> {
        self.flight
            .clone()
            .filter(|flight| flight.has_changed().is_ok())
    }

    /// Notes that a question is under way until the sender is dropped.
    pub(super) fn depart(&mut self) -> (watch::Sender<()>, watch::Receiver<()>) {
        let (landing, flight) = watch::channel(());
        self.flight = Some(flight.clone());
        (landing, flight)
    }

    /// Takes a call from the bucket of this instance alone.
    pub(super) fn take_locally(&mut self, rate: Rate, now: Duration) -> Result<(), Duration> {
        let now = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        let rest = self.local.take(rate, now, 1);
        self.local = rest.ok_or_else(|| self.local.wait(rate, now))?;
        Ok(())
    }
}
