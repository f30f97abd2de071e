//! Deleting what has ended, and re-encrypting what is under a retired key. Rows
//! that have ended count for nothing whether or not they were deleted, and what
//! is under a retired key is readable, so nothing but storage and the number of
//! keys depends on it.

mod place;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::Clock;
use entrada_tables::{Condition, Row, SweptPage, TableError, Tables, sweep_page};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::Mutex;

use place::Place;

use super::Resealing;
use crate::error::chain;

/// The table of what the server notes of its own upkeep.
pub const TABLE: &str = "entradaupkeep";

/// Partition and row of the last sweep.
const KEY: (&str, &str) = ("sweep", "last");

/// When the last sweep ended, epoch seconds.
const ENDED_AT: &str = "ended_at";

/// How long one run goes on; the next one begins where it ended. The Functions
/// host ends the process, with every request in it, when an invocation takes
/// 30 minutes (the default of `functionTimeout` in `host.json`).
const TIME: Duration = Duration::from_mins(10);

/// Rows of one page, after each of which a run looks at the time: at worst
/// each is in a partition of its own, and takes a round trip.
const PAGE: u32 = 100;

/// What one sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Rows that were deleted.
    pub deleted: usize,
    /// Values that were re-encrypted; `None` when there was nothing to look
    /// for.
    pub resealed: Option<usize>,
    /// Whether it ended because its time was up, and not because every table
    /// had been looked through.
    pub time_was_up: bool,
}

/// Deletes rows that have ended, in every table, and re-encrypts values that
/// are under a retired key.
#[derive(Debug)]
pub struct Sweep {
    tables: Arc<dyn Tables>,
    names: &'static [&'static str],
    resealing: Resealing,
    clock: Arc<dyn Clock>,
    turn: Mutex<()>,
}

impl Sweep {
    /// A sweep of the tables `names`.
    #[must_use]
    pub fn new(
        tables: Arc<dyn Tables>,
        names: &'static [&'static str],
        resealing: Resealing,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            tables,
            names,
            resealing,
            clock,
            turn: Mutex::default(),
        }
    }

    /// Re-encrypts, deletes what has ended, and notes that it was done. Answers
    /// what it did, `None` while another sweep of this process is under way.
    ///
    /// # Errors
    /// The first error of storage, after everything was tried.
    pub async fn run(&self) -> Result<Option<Swept>, TableError> {
        let Ok(_turn) = self.turn.try_lock() else {
            return Ok(None);
        };
        let until = self.clock.monotonic() + TIME;
        let mut failure = None;
        // Before the tables, which may take all the time that is left.
        let resealed = self.resealing.run().await.unwrap_or_else(|error| {
            tracing::warn!(error = chain(&error), "nothing more was re-encrypted");
            failure.get_or_insert(error);
            None
        });
        let (deleted, time_was_up) = self.delete_ended(until, &mut failure).await;
        tracing::info!(deleted, resealed, time_was_up, "swept");
        if let Some(error) = failure {
            return Err(error);
        }
        self.note().await?;
        Ok(Some(Swept {
            deleted,
            resealed,
            time_was_up,
        }))
    }

    /// Deletes what has ended, table by table, beginning where the last run
    /// ended. Answers how many rows it deleted, and whether it stopped because
    /// it was time: `until`, by the clock's monotonic reading.
    async fn delete_ended(
        &self,
        until: Duration,
        failure: &mut Option<TableError>,
    ) -> (usize, bool) {
        let storage = self.tables.as_ref();
        let place = Place::load(storage, self.names).await;
        let place = place.unwrap_or_else(|error| {
            tracing::warn!(error = chain(&error), "the sweep begins anew");
            failure.get_or_insert(error);
            None
        });
        let Some(mut place) = place.or_else(|| self.beginning()) else {
            return (0, false);
        };
        let (mut deleted, mut left) = (0, self.names.len());
        while left > 0 && self.clock.monotonic() < until {
            let continuation = match self.sweep_page(&place).await {
                Ok(page) => {
                    deleted += page.deleted;
                    page.continuation
                }
                Err(error) => {
                    let table = place.table;
                    tracing::warn!(table, error = chain(&error), "a table was not swept");
                    failure.get_or_insert(error);
                    None
                }
            };
            left -= usize::from(continuation.is_none());
            place.advance(continuation, self.names);
            // What cannot be noted keeps nobody from going on now.
            if let Err(error) = place.save(storage).await {
                tracing::warn!(error = chain(&error), "the sweep's place was not noted");
                failure.get_or_insert(error);
            }
        }
        (deleted, left > 0)
    }

    fn beginning(&self) -> Option<Place> {
        let table = self.names.first().copied()?;
        Some(Place {
            table,
            continuation: None,
        })
    }

    async fn sweep_page(&self, place: &Place) -> Result<SweptPage, TableError> {
        let (storage, now) = (self.tables.as_ref(), self.clock.unix());
        sweep_page(storage, place.table, now, PAGE, place.continuation.as_ref()).await
    }

    async fn note(&self) -> Result<(), TableError> {
        let row = Row::new(KEY.0, KEY.1).with(ENDED_AT, self.clock.unix());
        let noted = self.tables.replace(TABLE, &row, &Condition::None);
        noted.await.map(drop)
    }
}

/// When any instance last swept, RFC 3339 UTC; `None` if never.
///
/// # Errors
/// Those of storage.
pub(super) async fn last_sweep(tables: &dyn Tables) -> Result<Option<String>, TableError> {
    let row = tables.get(TABLE, KEY.0, KEY.1).await?;
    Ok(row
        .and_then(|row| row.int64(ENDED_AT).ok())
        .and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok())
        .and_then(|at| at.format(&Rfc3339).ok()))
}
