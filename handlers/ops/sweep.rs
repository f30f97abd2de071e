//! Deleting what has ended, and re-encrypting what is under a retired key. Rows
//! that have ended count for nothing whether or not they were deleted, and what
//! is under a retired key is readable, so nothing but storage and the number of
//! keys depends on it.

use std::sync::Arc;

use entrada_ambient::Clock;
use entrada_tables::{Condition, Row, TableError, Tables, sweep_table};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::Mutex;

use super::Resealing;
use crate::error::chain;

/// The table of what the server notes of its own upkeep.
pub const TABLE: &str = "entradaupkeep";

/// Partition and row of the last sweep.
const KEY: (&str, &str) = ("sweep", "last");

/// When the last sweep ended, epoch seconds.
const ENDED_AT: &str = "ended_at";

/// Rows of one table that one sweep deletes at most; the next one goes on.
const MOST: usize = 50_000;

/// What one sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Rows that were deleted.
    pub deleted: usize,
    /// Values that were re-encrypted; `None` when there was nothing to look
    /// for.
    pub resealed: Option<usize>,
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

    /// Deletes what has ended, re-encrypts, and notes that it was done. Answers
    /// what it did, `None` while another sweep of this process is under way.
    ///
    /// # Errors
    /// The first error of storage, after everything was tried.
    pub async fn run(&self) -> Result<Option<Swept>, TableError> {
        let Ok(_turn) = self.turn.try_lock() else {
            return Ok(None);
        };
        let now = self.clock.unix();
        let mut deleted = 0;
        let mut failure = None;
        for table in self.names {
            match sweep_table(self.tables.as_ref(), table, now, MOST).await {
                Ok(count) => deleted += count,
                Err(error) => {
                    tracing::warn!(table, error = chain(&error), "a table was not swept");
                    failure = failure.or(Some(error));
                }
            }
        }
        let resealed = match self.resealing.run().await {
            Ok(resealed) => resealed,
            Err(error) => {
                tracing::warn!(error = chain(&error), "nothing more was re-encrypted");
                failure = failure.or(Some(error));
                None
            }
        };
        tracing::info!(deleted, resealed, "swept");
        if let Some(error) = failure {
            return Err(error);
        }
        self.note().await?;
        Ok(Some(Swept { deleted, resealed }))
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
