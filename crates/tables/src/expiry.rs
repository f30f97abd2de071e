use crate::{Condition, Continuation, Filter, Operation, Query, Row, TableError, Tables, Value};

/// The property that says when a row ends: Int64, epoch seconds.
pub const EXPIRES_AT: &str = "expires_at";

/// Operations in one batch, by the service's rule.
const BATCH: usize = 100;

/// Pages that one sweep of a partition reads at most.
const MOST_PAGES: usize = 10;

impl Row {
    /// When the row ends, in epoch seconds; `None` when it never does. A
    /// property of another type counts as ended long ago: what cannot be read
    /// must not live for ever.
    #[must_use]
    pub fn expires_at(&self) -> Option<i64> {
        self.value(EXPIRES_AT).map(|value| match value {
            Value::Int64(at) => *at,
            Value::Int32(at) => i64::from(*at),
            _ => i64::MIN,
        })
    }

    /// Whether the row has ended at `now` (epoch seconds). Storage has no
    /// expiry of its own, so whoever reads a row that can end asks this.
    #[must_use]
    pub fn is_expired(&self, now: i64) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }
}

/// The filter that finds rows that have ended at `now` (epoch seconds).
pub(crate) fn expired_filter(now: i64) -> Filter {
    Filter::le(EXPIRES_AT, now)
}

/// Deletes rows of one partition that have ended at `now` (epoch seconds), at
/// most `at_most`, and answers how many were deleted. Each is deleted in the
/// version that was seen, so a row that was renewed meanwhile survives. Cheap
/// enough for a request with a small `at_most`: one query, one batch.
///
/// # Errors
/// Those of [`Tables::query`] and [`Tables::batch`], but not that somebody
/// else was faster.
pub async fn sweep(
    tables: &dyn Tables,
    table: &str,
    partition: &str,
    now: i64,
    at_most: usize,
) -> Result<usize, TableError> {
    let mut query = Query::partition(partition)
        .filter(expired_filter(now))
        .select([EXPIRES_AT]);
    let mut deleted = 0;
    for _ in 0..MOST_PAGES {
        let wanted = at_most.saturating_sub(deleted).min(1000);
        if wanted == 0 {
            break;
        }
        query.limit = u32::try_from(wanted).ok();
        let page = tables.query(table, &query).await?;
        deleted += delete_as_seen(tables, table, &page.rows).await?;
        match page.continuation {
            Some(continuation) => query = query.after(continuation),
            None => break,
        }
    }
    Ok(deleted)
}

/// What the sweep of one page of a table came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweptPage {
    /// Rows that were deleted.
    pub deleted: usize,
    /// Where the next page begins; `None` when this was the last.
    pub continuation: Option<Continuation>,
}

/// Deletes the rows of a page of *all* partitions of a table that have ended
/// at `now` (epoch seconds), at most `limit` (1 to 1,000). Whoever goes on to
/// the last page has read the whole table: for the sweep timer alone.
///
/// # Errors
/// Those of [`Tables::expired`] and [`Tables::batch`], but not that somebody
/// else was faster.
pub async fn sweep_page(
    tables: &dyn Tables,
    table: &str,
    now: i64,
    limit: u32,
    continuation: Option<&Continuation>,
) -> Result<SweptPage, TableError> {
    let page = tables.expired(table, now, limit, continuation).await?;
    let mut deleted = 0;
    for rows in page.rows.chunk_by(|a, b| a.partition == b.partition) {
        deleted += delete_as_seen(tables, table, rows).await?;
    }
    Ok(SweptPage {
        deleted,
        continuation: page.continuation,
    })
}

/// Deletes rows of one partition in the versions that were seen; answers how
/// many of them were deleted.
async fn delete_as_seen(
    tables: &dyn Tables,
    table: &str,
    rows: &[Row],
) -> Result<usize, TableError> {
    let mut deleted = 0;
    for rows in rows.chunks(BATCH) {
        let operations: Vec<Operation> = rows.iter().filter_map(deletion).collect();
        match tables.batch(table, &operations).await {
            Ok(_) => deleted += operations.len(),
            // One row that was renewed or is gone fails its whole batch.
            Err(TableError::PreconditionFailed | TableError::NotFound) => {
                deleted += delete_one_by_one(tables, table, &operations).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(deleted)
}

async fn delete_one_by_one(
    tables: &dyn Tables,
    table: &str,
    operations: &[Operation],
) -> Result<usize, TableError> {
    let mut deleted = 0;
    for operation in operations {
        match tables.batch(table, std::slice::from_ref(operation)).await {
            Ok(_) => deleted += 1,
            Err(TableError::PreconditionFailed | TableError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(deleted)
}

fn deletion(row: &Row) -> Option<Operation> {
    Some(Operation::Delete {
        partition: row.partition.clone(),
        row: row.row.clone(),
        condition: Condition::Matches(row.etag.clone()?),
    })
}
