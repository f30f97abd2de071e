//! Buckets in Table Storage: one row each, changed by compare-and-swap, from
//! which instances lease blocks of calls.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::Clock;
use entrada_tables::{Condition, ETag, Row, TableError, Tables, sweep};
use thiserror::Error;

use super::rate::{Level, Rate};

/// The table of buckets.
pub const TABLE: &str = "entradalimits";

/// How often a change that met another one is tried. Of those that meet, one
/// gets through each time, so this is how many instances may meet.
const TRIES: usize = 24;

/// Ended rows that are deleted when a row is made, at most.
const SWEPT: usize = 4;

/// Where a bucket's row is. Neither address nor person can be read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    partition: String,
    row: String,
}

impl Place {
    /// The place of the bucket of `kind` that belongs to `owner`, spread by
    /// hash over 256 partitions.
    pub(super) fn of(kind: &str, owner: &[u8]) -> Self {
        let mut named = kind.as_bytes().to_vec();
        named.push(0);
        named.extend_from_slice(owner);
        let hash = digest(&SHA256, &named);
        let first = hash.as_ref().first().copied().unwrap_or_default();
        Self {
            partition: format!("{first:02x}"),
            row: URL_SAFE_NO_PAD.encode(hash),
        }
    }
}

/// A version of a row that was read or written, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    etag: ETag,
    level: Level,
}

/// What became of a question for a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The calls that were leased; 0: the bucket is empty.
    pub(super) calls: u32,
    /// The time until there is another call in the bucket; zero when there
    /// is one already.
    pub(super) wait: Duration,
    /// The row as it stands now.
    pub(super) seen: Option<Seen>,
    /// Whether the row was made for this.
    pub(super) made: bool,
}

/// Why there is no answer to a question for a block.
#[derive(Debug, Error)]
pub(super) enum LedgerError {
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] TableError),
    /// Others were faster, again and again.
    #[error("too many instances change the same bucket at once")]
    Contended,
}

/// The buckets in storage.
#[derive(Debug)]
pub(super) struct Ledger {
    tables: Arc<dyn Tables>,
    clock: Arc<dyn Clock>,
}

impl Ledger {
    pub(super) fn new(tables: Arc<dyn Tables>, clock: Arc<dyn Clock>) -> Self {
        Self { tables, clock }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.clock.now().unix_timestamp_nanos()).unwrap_or(i64::MAX)
    }

    /// Leases up to `want` calls. What was seen last saves the reading: if it
    /// is out of date the writing says so, and a bucket that it shows empty
    /// can only be emptier.
    pub(super) async fn lease(
        &self,
        place: &Place,
        rate: Rate,
        want: u32,
        mut seen: Option<Seen>,
    ) -> Result<Block, LedgerError> {
        let mut known = seen.is_some();
        for _ in 0..TRIES {
            if !known {
                seen = self.read(place, rate).await?;
            }
            let now = self.now();
            let level = seen.as_ref().map_or(Level::FULL, |seen| seen.level);
            let calls = level.block(rate, now, want);
            let Some(rest) = level.take(rate, now, calls).filter(|_| calls > 0) else {
                return Ok(Block {
                    calls: 0,
                    wait: level.wait(rate, now),
                    seen,
                    made: false,
                });
            };
            match self.write(place, rest, seen.as_ref()).await {
                Ok(etag) => {
                    return Ok(Block {
                        calls,
                        wait: rest.wait(rate, now),
                        made: seen.is_none(),
                        seen: Some(Seen { etag, level: rest }),
                    });
                }
                Err(
                    TableError::AlreadyExists
                    | TableError::PreconditionFailed
                    | TableError::NotFound,
                ) => known = false,
                Err(error) => return Err(error.into()),
            }
        }
        Err(LedgerError::Contended)
    }

    async fn read(&self, place: &Place, rate: Rate) -> Result<Option<Seen>, TableError> {
        let read = self.tables.get(TABLE, &place.partition, &place.row).await;
        let row = match read {
            // The first instance of a deployment may be asked before it has
            // made its tables.
            Err(TableError::NoSuchTable { .. }) => {
                self.tables.create_table(TABLE).await?;
                None
            }
            other => other?,
        };
        Ok(row.and_then(|row| {
            // A row that cannot be read must not be an open door.
            let level = row
                .int64("full_at")
                .map_or_else(|_| Level::empty(rate, self.now()), Level::full_at);
            Some(Seen {
                etag: row.etag?,
                level,
            })
        }))
    }

    async fn write(
        &self,
        place: &Place,
        level: Level,
        seen: Option<&Seen>,
    ) -> Result<ETag, TableError> {
        let full_at = level.when_full();
        // A full bucket is as good as none.
        let expires_at = full_at / 1_000_000_000 + 1;
        let row = Row::new(&place.partition, &place.row)
            .with("full_at", full_at)
            .with("expires_at", expires_at);
        match seen {
            None => self.tables.insert(TABLE, &row).await,
            Some(seen) => {
                let condition = Condition::Matches(seen.etag.clone());
                self.tables.replace(TABLE, &row, &condition).await
            }
        }
    }

    /// Deletes a few ended rows of the partition of `place`: whoever makes a
    /// row removes others, so that there are no more of them than are in use.
    pub(super) async fn sweep(&self, place: &Place) {
        let now = self.clock.unix();
        let swept = sweep(self.tables.as_ref(), TABLE, &place.partition, now, SWEPT).await;
        if let Err(error) = swept {
            tracing::debug!(%error, "ended buckets could not be deleted");
        }
    }
}
