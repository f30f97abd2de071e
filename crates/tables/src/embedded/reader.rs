use std::ops::Bound;

use redb::{ReadableDatabase, ReadableTable};

use super::encoding;
use super::file::{META, ROWS, Store, engine_error};
use crate::continuation::Position;
use crate::expiry::{EXPIRES_AT, expired_filter};
use crate::query::PAGE_ROWS;
use crate::{Continuation, Filter, Page, Query, Row, RowRange, TableError, validate};

/// Rows that one page looks at, matching or not. The service ends a page
/// after some seconds; this does so by count.
const SCANNED_ROWS: usize = 10_000;

/// The row of these keys.
pub(super) fn get(
    store: &Store,
    table: &str,
    partition: &str,
    row: &str,
) -> Result<Option<Row>, TableError> {
    let read = store.database.begin_read().map_err(engine_error)?;
    let rows = read.open_table(ROWS).map_err(engine_error)?;
    let key = encoding::key(table, partition, row);
    match rows.get(key.as_slice()).map_err(engine_error)? {
        Some(stored) => encoding::decode(partition, row, stored.value()).map(Some),
        None => Ok(None),
    }
}

/// Whether the file answers.
pub(super) fn ping(store: &Store) -> Result<(), TableError> {
    let read = store.database.begin_read().map_err(engine_error)?;
    let meta = read.open_table(META).map_err(engine_error)?;
    meta.first().map_err(engine_error)?;
    Ok(())
}

/// One page of a query.
pub(super) fn query(store: &Store, table: &str, query: &Query) -> Result<Page, TableError> {
    let (from, to) = bounds(table, query);
    let mut page = scan(
        store,
        &Scan {
            table,
            from: later(from, start(table, query.continuation.as_ref())?),
            to,
            filter: query.filter.as_ref(),
            limit: query.limit.unwrap_or(PAGE_ROWS),
        },
    )?;
    if let Some(select) = &query.select {
        for row in &mut page.rows {
            row.properties.retain(|name, _| select.contains(name));
        }
    }
    Ok(page)
}

/// One page of the rows of a table that have ended.
pub(super) fn expired(
    store: &Store,
    table: &str,
    now: i64,
    limit: u32,
    continuation: Option<&Continuation>,
) -> Result<Page, TableError> {
    let ended = expired_filter(now);
    let mut page = whole_table(store, table, Some(&ended), limit, continuation)?;
    for row in &mut page.rows {
        row.properties.retain(|name, _| name == EXPIRES_AT);
    }
    Ok(page)
}

/// One page of all rows of a table.
pub(super) fn all(
    store: &Store,
    table: &str,
    select: &[String],
    limit: u32,
    continuation: Option<&Continuation>,
) -> Result<Page, TableError> {
    let mut page = whole_table(store, table, None, limit, continuation)?;
    for row in &mut page.rows {
        row.properties.retain(|name, _| select.contains(name));
    }
    Ok(page)
}

fn whole_table(
    store: &Store,
    table: &str,
    filter: Option<&Filter>,
    limit: u32,
    continuation: Option<&Continuation>,
) -> Result<Page, TableError> {
    let from = encoding::table_prefix(table);
    scan(
        store,
        &Scan {
            table,
            to: encoding::after_prefix(from.clone()),
            from: later(from, start(table, continuation)?),
            filter,
            limit,
        },
    )
}

/// A stretch of the file to look through.
struct Scan<'query> {
    table: &'query str,
    from: Vec<u8>,
    to: Option<Vec<u8>>,
    filter: Option<&'query Filter>,
    limit: u32,
}

fn scan(store: &Store, scan: &Scan<'_>) -> Result<Page, TableError> {
    let mut page = Page {
        rows: Vec::new(),
        continuation: None,
    };
    if scan.to.as_ref().is_some_and(|to| *to <= scan.from) {
        return Ok(page);
    }
    let limit = usize::try_from(scan.limit).unwrap_or(usize::MAX);
    let read = store.database.begin_read().map_err(engine_error)?;
    let rows = read.open_table(ROWS).map_err(engine_error)?;
    let to = scan.to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let range = rows
        .range::<&[u8]>((Bound::Included(scan.from.as_slice()), to))
        .map_err(engine_error)?;
    for (scanned, entry) in range.enumerate() {
        let (key, stored) = entry.map_err(engine_error)?;
        let (partition, row) = encoding::split_key(scan.table, key.value())?;
        if page.rows.len() == limit || scanned == SCANNED_ROWS {
            let position = Position::Embedded(partition, row);
            page.continuation = Some(Continuation::new(position)?);
            break;
        }
        let row = encoding::decode(&partition, &row, stored.value())?;
        if scan.filter.is_none_or(|filter| filter.matches(&row)) {
            page.rows.push(row);
        }
    }
    Ok(page)
}

/// The keys of the rows of a query: the first, and the one to stop before.
fn bounds(table: &str, query: &Query) -> (Vec<u8>, Option<Vec<u8>>) {
    let partition = encoding::partition_prefix(table, &query.partition);
    let within = |text: &str| {
        let mut key = partition.clone();
        encoding::push_units(&mut key, text);
        key
    };
    let end = || encoding::after_prefix(partition.clone());
    match &query.rows {
        RowRange::All => (partition.clone(), end()),
        RowRange::Prefix(prefix) => {
            let from = within(prefix);
            let to = encoding::after_prefix(from.clone());
            (from, to)
        }
        RowRange::Between { from, to } => (
            from.as_deref().map_or_else(|| partition.clone(), within),
            to.as_deref().map_or_else(end, |to| Some(within(to))),
        ),
    }
}

/// Where a continuation begins. It may lie anywhere: it only ever moves the
/// beginning of the range forward.
fn start(table: &str, continuation: Option<&Continuation>) -> Result<Option<Vec<u8>>, TableError> {
    match continuation.map(Continuation::position) {
        None => Ok(None),
        Some(Position::Embedded(partition, row)) => Ok(Some(encoding::key(table, partition, row))),
        Some(Position::Azure(..)) => Err(validate::foreign_continuation()),
    }
}

fn later(from: Vec<u8>, start: Option<Vec<u8>>) -> Vec<u8> {
    match start {
        Some(start) if start > from => start,
        _ => from,
    }
}
