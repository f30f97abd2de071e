//! Re-encryption: what is sealed under a retired key is sealed anew under the
//! current one, so that the retired one can go.
//!
//! The sweep looks through every table that holds something sealed, some of it
//! at each run. A value is replaced only in the version that was seen, and
//! nothing else of its row is touched. Once all has been looked through, it is
//! noted under which retired keys there was still something (the [`Census`]):
//! by that a rotation knows which key can go. What is found is noted even if it
//! could be replaced: somebody may have read it and be about to write it back.

mod census;
mod pass;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_tables::{Condition, EXPIRES_AT, Row, TableError, Tables};
use time::{Duration, OffsetDateTime};

pub use census::read as stored_values;
use pass::Pass;

use crate::identity::{Census, KeyRing, KeyRings, Place, SealedColumn, StoredValues, sealed_under};

/// Rows in one page.
const PAGE: u32 = 1_000;
/// Pages that one sweep reads at most; the next one goes on.
const PAGES: usize = 50;
/// Values after which a sweep reads no further page.
const MOST: usize = 5_000;
/// How long one sweep goes on with it: a part of the time of the whole sweep.
const TIME: std::time::Duration = std::time::Duration::from_mins(3);
/// A row that ends within this many seconds is left to its end: sign-ins under
/// way are not disturbed.
const SOON: i64 = 3_600;
/// How long a census that found nothing stands before the next is taken.
const STANDS: Duration = Duration::days(1);

/// What one run came to.
#[derive(Debug, Default)]
struct Tally {
    /// Values that were sealed anew.
    resealed: usize,
    /// Values that could not be, by column.
    unreadable: BTreeMap<&'static str, usize>,
}

/// Seals anew what is sealed under retired keys.
#[derive(Debug)]
pub struct Resealing {
    tables: Arc<dyn Tables>,
    rings: Arc<KeyRings>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Resealing {
    /// Of everything in `tables`, by the ring in use.
    #[must_use]
    pub fn new(
        tables: Arc<dyn Tables>,
        rings: Arc<KeyRings>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            tables,
            rings,
            clock,
            random,
        }
    }

    /// Looks through a part of storage. Answers how many values were sealed
    /// anew, `None` when there was nothing to look for.
    ///
    /// # Errors
    /// Those of storage; the next run goes on.
    pub async fn run(&self) -> Result<Option<usize>, TableError> {
        // An old ring would take a key for current that has retired.
        if self.rings.refresh().await.is_err() {
            return Ok(None);
        }
        let Ok(ring) = self.rings.current() else {
            return Ok(None);
        };
        let Some(mut pass) = self.pass(&ring).await? else {
            return Ok(None);
        };
        match self.go_on(&ring, &mut pass).await {
            Ok(resealed) => {
                if pass.place().is_none() {
                    self.end(pass).await?;
                }
                Ok(Some(resealed))
            }
            // Another instance goes on with it.
            Err(TableError::PreconditionFailed | TableError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The look that is under way, or a new one when it is due.
    async fn pass(&self, ring: &KeyRing) -> Result<Option<Pass>, TableError> {
        let retired = ring.retired_encryption_keys();
        if retired.is_empty() {
            return Ok(None);
        }
        let storage = self.tables.as_ref();
        if let Some(pass) = Pass::load(storage).await?
            && pass.looked_for == retired
        {
            return Ok(Some(pass));
        }
        let now = self.clock.now();
        match census::read(storage).await? {
            StoredValues::Counted(census) if !is_due(&census, &retired, now) => Ok(None),
            _ => Pass::begin(storage, retired, now).await.map(Some),
        }
    }

    async fn go_on(&self, ring: &KeyRing, pass: &mut Pass) -> Result<usize, TableError> {
        let mut tally = Tally::default();
        let gone_on = self.read_on(ring, pass, &mut tally).await;
        for (column, count) in tally.unreadable {
            tracing::warn!(
                column,
                count,
                "stored values cannot be re-encrypted, and keep their keys from going"
            );
        }
        gone_on.map(|()| tally.resealed)
    }

    async fn read_on(
        &self,
        ring: &KeyRing,
        pass: &mut Pass,
        tally: &mut Tally,
    ) -> Result<(), TableError> {
        let until = self.clock.monotonic() + TIME;
        let time_is_up = || self.clock.monotonic() >= until;
        for _ in 0..PAGES {
            let Some((table, continuation)) = pass.place() else {
                break;
            };
            let select: Vec<&str> = columns(table)
                .map(|column| column.name())
                .chain([EXPIRES_AT])
                .collect();
            let page = self.tables.scan(table, &select, PAGE, continuation).await?;
            for row in &page.rows {
                self.reseal(ring, row, pass, tally).await?;
                if time_is_up() {
                    // What was found is noted; the page is read again.
                    return pass.save(self.tables.as_ref()).await;
                }
            }
            pass.advance(page.continuation);
            pass.save(self.tables.as_ref()).await?;
            if tally.resealed >= MOST || time_is_up() {
                break;
            }
        }
        Ok(())
    }

    /// Seals anew what is to be in one row.
    async fn reseal(
        &self,
        ring: &KeyRing,
        row: &Row,
        pass: &mut Pass,
        tally: &mut Tally,
    ) -> Result<(), TableError> {
        let now = self.clock.unix();
        let Some((table, _)) = pass.place().filter(|_| !row.is_expired(now)) else {
            return Ok(());
        };
        let table = table.to_owned();
        let mut patch = Row::new(&row.partition, &row.row);
        for column in columns(&table) {
            let sealed = row.optional_binary(column.name()).ok().flatten();
            let Some((kid, sealed)) =
                sealed.and_then(|sealed| Some((sealed_under(sealed)?, sealed)))
            else {
                continue;
            };
            if !pass.looked_for.contains(kid) {
                continue;
            }
            pass.found.insert(kid.to_owned());
            if row.expires_at().is_some_and(|at| at <= now + SOON) {
                continue;
            }
            let place = Place {
                column: *column,
                partition: &row.partition,
                row: &row.row,
            };
            match ring.seal_anew(sealed, place, self.random.as_ref()) {
                Ok(anew) => patch = patch.with(column.name(), anew),
                Err(_) => *tally.unreadable.entry(column.name()).or_default() += 1,
            }
        }
        tally.resealed += self.replace(&table, row, patch).await?;
        Ok(())
    }

    /// Puts the values of `patch` into the row as it was seen.
    async fn replace(&self, table: &str, row: &Row, patch: Row) -> Result<usize, TableError> {
        let Some(etag) = row.etag.clone().filter(|_| !patch.properties.is_empty()) else {
            return Ok(0);
        };
        let unchanged = Condition::Matches(etag);
        match self.tables.merge(table, &patch, &unchanged).await {
            Ok(_) => Ok(patch.properties.len()),
            // Somebody was faster: the next look finds what they left.
            Err(TableError::PreconditionFailed | TableError::NotFound) => Ok(0),
            Err(error) => Err(error),
        }
    }

    async fn end(&self, pass: Pass) -> Result<(), TableError> {
        let census = pass.end(self.tables.as_ref(), self.clock.now()).await?;
        tracing::info!(
            retired = census.looked_for.len(),
            needed = census.found.len(),
            "looked through all that is stored encrypted"
        );
        Ok(())
    }
}

fn columns(table: &str) -> impl Iterator<Item = &'static SealedColumn> {
    let stored = SealedColumn::STORED.iter();
    stored.filter(move |column| column.table() == table)
}

/// Whether another look is due after the one that came to `census`.
fn is_due(census: &Census, retired: &BTreeSet<String>, now: OffsetDateTime) -> bool {
    census.looked_for != *retired || !census.found.is_empty() || census.begun_at + STANDS <= now
}
