//! Looking through a tenant's records, within bounds.

use std::collections::BTreeMap;

use entrada_tables::{Continuation, Query, Row, RowRange, TableError, Tables};

use super::cursor::Position;
use super::order::SortKey;
use super::pushdown::pushdown;
use super::query::{Criteria, RecordQuery};
use super::record::{Record, size};
use super::store::TABLE;

/// How much one query may look at and answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Rows that are looked at.
    pub(super) rows: usize,
    /// Bytes of the records that are looked at.
    pub(super) bytes: usize,
    /// Pages that are asked of storage: it may answer many empty ones.
    pub(super) pages: usize,
    /// Bytes of the records in the answer; the first is always in it.
    pub(super) answer: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            rows: 10_000,
            bytes: 64 * 1024 * 1024,
            pages: 200,
            answer: 1024 * 1024,
        }
    }
}

/// Bytes that one page of storage should have, by the records seen so far.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Rows of the first page, before any record was seen.
const FIRST_PAGE: usize = 100;
/// Rows that storage gives in a page, at most.
const LARGEST_PAGE: usize = 1_000;

/// What a scan came to.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) records: Vec<Record>,
    /// Where to go on, if there is more.
    pub(super) next: Option<Position>,
    pub(super) rows: usize,
    pub(super) cut: bool,
}

/// The place of a record among those that are found: `None` before every
/// order.
type Spot = (Option<SortKey>, String);

/// The first records in order, as many as the answer takes.
struct Best {
    records: BTreeMap<Spot, (Record, usize)>,
    bytes: usize,
    limit: usize,
    answer: usize,
    /// The first that was left out. Nothing after it may be taken, even if it
    /// would fit: the next page begins there.
    ceiling: Option<Spot>,
}

impl Best {
    fn insert(&mut self, spot: Spot, record: Record) {
        if self.ceiling.as_ref().is_some_and(|ceiling| spot > *ceiling) {
            return;
        }
        let bytes = size(&record.data);
        self.bytes = self.bytes.saturating_add(bytes);
        self.records.insert(spot, (record, bytes));
        while self.records.len() > self.limit
            || (self.bytes > self.answer && self.records.len() > 1)
        {
            if let Some((spot, (_, bytes))) = self.records.pop_last() {
                self.bytes = self.bytes.saturating_sub(bytes);
                self.ceiling = Some(spot);
            }
        }
    }

    fn into_records(self) -> (Vec<Record>, Option<Spot>) {
        let last = self.records.last_key_value();
        let last = last
            .map(|(spot, _)| spot.clone())
            .filter(|_| self.ceiling.is_some());
        let records = self.records.into_values().map(|(record, _)| record);
        (records.collect(), last)
    }
}

/// Looks for what `query` asks for in a partition, from `position` on.
///
/// # Errors
/// Those of [`Tables::query`], and rows that cannot be read.
pub(super) async fn scan(
    tables: &dyn Tables,
    partition: &str,
    query: &RecordQuery,
    position: Option<Position>,
    bounds: Bounds,
) -> Result<Scanned, TableError> {
    let mut best = Best {
        records: BTreeMap::new(),
        bytes: 0,
        limit: query.limit,
        answer: bounds.answer,
        ceiling: None,
    };
    let (mut asked, after) = begin(partition, query, position)?;
    let criteria = Criteria::new(query);
    let (mut rows, mut bytes) = (0, 0);
    for _ in 0..bounds.pages {
        asked.limit = page_rows(bounds.rows - rows, rows, bytes);
        let page = tables.query(TABLE, &asked).await?;
        for row in &page.rows {
            rows += 1;
            bytes += row_bytes(row);
            let record = Record::from_row(row)?;
            if !criteria.met_by(&record.data) {
                continue;
            }
            let key = query.sort.as_ref().map(|sort| sort.key(&record.data));
            let spot = (key, row.row.clone());
            if after.as_ref().is_none_or(|after| spot > *after) {
                best.insert(spot, record);
            }
        }
        // Without an order, what comes later comes after all that is there.
        let done = best.ceiling.is_some() && query.sort.is_none();
        asked.continuation = page.continuation.filter(|_| !done);
        if asked.continuation.is_none() || rows >= bounds.rows || bytes >= bounds.bytes {
            break;
        }
    }
    Ok(finish(best, rows, asked.continuation, query.sort.is_some()))
}

/// The first question, and the place after which records count.
fn begin(
    partition: &str,
    query: &RecordQuery,
    position: Option<Position>,
) -> Result<(Query, Option<Spot>), TableError> {
    let mut asked = Query::partition(partition);
    asked.filter = query.filters.as_ref().and_then(pushdown);
    Ok(match position {
        None => (asked, None),
        Some(Position::Page(text)) => (asked.after(Continuation::parse(&text)?), None),
        Some(Position::Order(key, row)) => (asked, Some((Some(key), row))),
        Some(Position::Row(row)) => {
            asked.rows = RowRange::Between {
                from: Some(row.clone()),
                to: None,
            };
            (asked, Some((None, row)))
        }
    })
}

fn finish(best: Best, rows: usize, rest: Option<Continuation>, ordered: bool) -> Scanned {
    let (records, last) = best.into_records();
    let cut = rest.is_some();
    let next = match (last, rest) {
        (Some((Some(key), row)), _) => Some(Position::Order(key, row)),
        (Some((None, row)), _) => Some(Position::Row(row)),
        (None, Some(rest)) if !ordered => Some(Position::Page(rest.as_str().to_owned())),
        (None, _) => None,
    };
    Scanned {
        records,
        next,
        rows,
        cut,
    }
}

/// How many rows to ask for: few while records may be large.
fn page_rows(left: usize, seen: usize, bytes: usize) -> Option<u32> {
    let fitting = match bytes.checked_div(seen) {
        None => FIRST_PAGE,
        Some(average) => PAGE_BYTES / average.max(1),
    };
    u32::try_from(fitting.min(left).clamp(1, LARGEST_PAGE)).ok()
}

/// Bytes of a row's texts, which are most of it.
fn row_bytes(row: &Row) -> usize {
    row.properties
        .values()
        .map(|value| match value {
            entrada_tables::Value::String(text) => text.len(),
            _ => 8,
        })
        .sum()
}
