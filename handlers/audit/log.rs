//! Where entries are handed in.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use entrada_ambient::{Clock, Random};
use entrada_tables::Tables;
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::counts::Counts;
use super::repeats::Repeats;
use super::{AuditError, Decision, Entry, Outcome, Place, Writer};
use crate::audit::Hour;
use crate::error::chain;
use crate::identity::KeyRings;

/// Entries that may wait to be written: each is at most about 6 KiB.
const QUEUE: usize = 4096;
/// How long a request waits for a place in the queue.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a request waits until storage has its entry.
const DURABLE: Duration = Duration::from_secs(10);
/// How long a request that is refused anyway waits for that.
const REFUSED: Duration = Duration::from_secs(1);

/// What the log is made from.
#[derive(Debug, Clone)]
pub struct AuditSources {
    /// Storage.
    pub tables: Arc<dyn Tables>,
    /// For the chains.
    pub rings: Arc<KeyRings>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// For the id of a run.
    pub random: Arc<dyn Random>,
    /// For how many days entries are kept.
    pub days: u32,
}

/// An entry on its way to storage.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) place: Place,
    /// The entry as JSON.
    pub(super) text: String,
    /// Told when storage has it.
    pub(super) done: Option<oneshot::Sender<()>>,
}

/// What is counted between two writes.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// Of callers who are not known.
    pub(super) unknown: Counts,
    /// Of those who are.
    pub(super) repeats: Repeats,
}

/// The log as requests see it: a bounded queue, and counts of what was
/// refused to unknown callers, or to known ones again and again.
#[derive(Debug)]
pub struct Audit {
    queue: mpsc::Sender<Order>,
    counted: Arc<Counted>,
    failing: Arc<AtomicBool>,
    rings: Arc<KeyRings>,
    clock: Arc<dyn Clock>,
}

impl Audit {
    /// The log, and the writer that must run for it.
    #[must_use]
    pub fn new(sources: AuditSources) -> (Self, Writer) {
        Self::with_queue(sources, QUEUE)
    }

    pub(crate) fn with_queue(sources: AuditSources, places: usize) -> (Self, Writer) {
        let (queue, orders) = mpsc::channel(places);
        let audit = Self {
            queue,
            counted: Arc::default(),
            failing: Arc::default(),
            rings: sources.rings.clone(),
            clock: sources.clock.clone(),
        };
        let writer = Writer::new(
            sources,
            orders,
            audit.counted.clone(),
            audit.failing.clone(),
        );
        (audit, writer)
    }

    /// Counts something that a caller who is not known was refused, by
    /// where and why: words of this program, never of the caller.
    pub fn count(&self, method: &'static str, reason: &'static str) {
        self.counted.unknown.add(method, reason);
    }

    /// Enters that somebody known was refused: durable when this returns, if
    /// storage takes entries within a second; else queued. The same refusal
    /// again within a minute is counted, and written within seconds.
    ///
    /// # Errors
    /// [`AuditError::Full`] when it could neither be queued nor counted.
    pub async fn refuse(&self, entry: Entry) -> Result<(), AuditError> {
        if self.counted.repeats.count(&entry, self.clock.monotonic()) {
            return Ok(());
        }
        let unplaced = Unplaced {
            repeats: &self.counted.repeats,
            entry: Some(entry.clone()),
        };
        let mut pending = match self.begin(entry).await {
            Ok(pending) => {
                unplaced.has_place();
                pending
            }
            Err(_) if unplaced.count() => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Err(error) = pending.send_durable(REFUSED).await {
            tracing::warn!(error = chain(&error), "a refusal is not in storage yet");
        }
        Ok(())
    }

    /// Waits for a place in the queue, a second at most.
    ///
    /// # Errors
    /// [`AuditError::Full`] when there was none.
    pub async fn room(&self) -> Result<(), AuditError> {
        if self.queue.capacity() > 0 {
            return Ok(());
        }
        self.place().await.map(drop)
    }

    async fn place(&self) -> Result<mpsc::OwnedPermit<Order>, AuditError> {
        let queue = match self.queue.clone().try_reserve_owned() {
            Ok(permit) => return Ok(permit),
            Err(mpsc::error::TrySendError::Full(queue)) => queue,
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(AuditError::Closed),
        };
        match timeout(PATIENCE, queue.reserve_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(AuditError::Closed),
            Err(_) => Err(AuditError::Full),
        }
    }

    /// Begins an entry about something that is about to be done: its place
    /// in the queue is taken now, so that nothing is done that cannot be
    /// entered.
    ///
    /// # Errors
    /// [`AuditError::Full`] when there was no place for a second.
    pub async fn begin(&self, entry: Entry) -> Result<Pending, AuditError> {
        Ok(Pending {
            open: Some((self.place().await?, entry)),
            started: self.clock.monotonic(),
            clock: self.clock.clone(),
        })
    }

    /// Whether storage takes entries, as far as is known. What changes
    /// something is not begun while it does not.
    ///
    /// # Errors
    /// [`AuditError::NotDurable`] when it does not, and
    /// [`AuditError::NoKeys`] while there are no keys to chain entries with.
    pub async fn ready(&self) -> Result<(), AuditError> {
        self.rings.current_soon().await?;
        if self.failing.load(Ordering::Relaxed) {
            return Err(AuditError::NotDurable);
        }
        Ok(())
    }

    /// Enters something that is over, durable when this returns.
    ///
    /// # Errors
    /// [`AuditError::Full`] when there was no place for it,
    /// [`AuditError::NotDurable`] when storage did not confirm it in time.
    pub async fn record(&self, entry: Entry) -> Result<(), AuditError> {
        let mut pending = self.begin(entry).await?;
        pending.send_durable(DURABLE).await
    }
}

/// A refusal that waits for a place in the queue. Dropped, since its caller
/// went away meanwhile, it is counted.
struct Unplaced<'a> {
    repeats: &'a Repeats,
    entry: Option<Entry>,
}

impl Unplaced<'_> {
    fn has_place(mut self) {
        self.entry = None;
    }

    /// `false` when it could not be counted either.
    fn count(mut self) -> bool {
        let entry = self.entry.take();
        entry.is_some_and(|entry| self.repeats.count_anyway(&entry))
    }
}

impl Drop for Unplaced<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.repeats.count_anyway(&entry);
        }
    }
}

/// An entry with a place in the queue. Dropped without an outcome, it is
/// entered as abandoned: nothing that was begun goes without an entry.
pub struct Pending {
    open: Option<(mpsc::OwnedPermit<Order>, Entry)>,
    started: Duration,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Pending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pending").finish_non_exhaustive()
    }
}

impl Pending {
    /// Says what came of it. Only a push: written within a second.
    pub fn finish(mut self, outcome: Outcome, reason: Option<&'static str>) {
        self.conclude(outcome, reason);
        self.send(None);
    }

    /// Says what came of it; durable when this returns.
    ///
    /// # Errors
    /// [`AuditError::NotDurable`] when storage did not confirm it in time; it
    /// stays queued.
    pub async fn finish_durably(
        mut self,
        outcome: Outcome,
        reason: Option<&'static str>,
    ) -> Result<(), AuditError> {
        self.conclude(outcome, reason);
        self.send_durable(DURABLE).await
    }

    async fn send_durable(&mut self, patience: Duration) -> Result<(), AuditError> {
        let (done, told) = oneshot::channel();
        self.send(Some(done));
        match timeout(patience, told).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(AuditError::Closed),
            Err(_) => Err(AuditError::NotDurable),
        }
    }

    fn conclude(&mut self, outcome: Outcome, reason: Option<&'static str>) {
        let elapsed = self.clock.monotonic().saturating_sub(self.started);
        if let Some((_, entry)) = &mut self.open {
            entry.outcome = outcome;
            if outcome == Outcome::Refused {
                entry.decision = Decision::Refused;
            }
            entry.reason = reason.map(Into::into);
            entry.duration_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        }
    }

    fn send(&mut self, done: Option<oneshot::Sender<()>>) {
        if let Some((permit, entry)) = self.open.take()
            && let Some(order) = order(entry, self.clock.now(), done)
        {
            permit.send(order);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.conclude(Outcome::Abandoned, None);
        self.send(None);
    }
}

/// The entry as it is queued; times are told to the microsecond.
pub(super) fn order(
    mut entry: Entry,
    now: OffsetDateTime,
    done: Option<oneshot::Sender<()>>,
) -> Option<Order> {
    entry.time = now
        .replace_nanosecond(now.nanosecond() / 1000 * 1000)
        .unwrap_or(now);
    let place = Place {
        hour: Hour::of(now),
        tenant: entry.tenant,
    };
    match serde_json::to_string(&entry) {
        Ok(text) => Some(Order { place, text, done }),
        Err(error) => {
            // Nothing in an entry can fail to be JSON; a waiting caller is
            // told by the sender that goes with this.
            tracing::error!(%error, "an audit entry is not JSON");
            None
        }
    }
}
