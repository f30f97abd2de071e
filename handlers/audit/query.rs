//! Paging through a tenant's entries, newest first, hour by hour.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::Clock;
use entrada_tables::{Query, Row, RowRange, TableError, Tables};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::rows::{TABLE, entries_of};
use super::{Entry, Hour, Outcome, Place};

/// The longest range of one query.
pub const LONGEST_RANGE: Duration = Duration::days(31);

/// Partitions and pages of them that one query reads at most; it goes on
/// with the cursor.
const MOST_READS: usize = 60;
/// Rows in one page of a partition; each holds up to some dozen entries.
const ROWS: u32 = 20;
/// Packs have keys that begin with a digit, and sort before this.
const AFTER_PACKS: &str = ":";
/// Longest key of a pack, in bytes.
const KEY: usize = 80;

/// Which entries to look for. Both ends of the range count.
#[derive(Debug, Clone)]
pub struct AuditQuery {
    /// Whose entries.
    pub tenant: Uuid,
    /// The beginning of the range.
    pub from: OffsetDateTime,
    /// The end of the range.
    pub to: OffsetDateTime,
    /// Only this person's.
    pub user: Option<Uuid>,
    /// Only about this tool.
    pub tool: Option<String>,
    /// Only with this outcome.
    pub outcome: Option<Outcome>,
    /// Most entries in a page, at least 1.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// A page of entries, newest first.
#[derive(Debug, Default)]
pub struct AuditPage {
    /// The entries; a page may be short, even empty, although more follow.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` when this was the last.
    pub next_cursor: Option<String>,
}

/// The cursor is not one that was handed out.
#[derive(Debug, Error)]
#[error("the cursor is not one that was handed out for this query")]
pub struct CursorError;

/// Where a page ends: an hour, a row of it, and how many of its entries were
/// looked at. Rows never change, so the place stays.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Position {
    hour: String,
    row: Option<String>,
    skip: usize,
}

impl Position {
    fn to_text(&self) -> Option<String> {
        Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).ok()?))
    }

    fn parse(text: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD
            .decode(text.get(..300).unwrap_or(text))
            .ok()?;
        let position: Self = serde_json::from_slice(&json).ok()?;
        let plain = position.row.as_ref().is_none_or(|key| {
            key.len() <= KEY
                && key
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        });
        plain.then_some(position)
    }
}

/// Reads the log.
#[derive(Debug)]
pub struct AuditReader {
    tables: Arc<dyn Tables>,
    clock: Arc<dyn Clock>,
}

impl AuditReader {
    /// A reader of the log in `tables`.
    #[must_use]
    pub fn new(tables: Arc<dyn Tables>, clock: Arc<dyn Clock>) -> Self {
        Self { tables, clock }
    }

    /// Where a query begins.
    ///
    /// # Errors
    /// When the cursor does not belong to the range.
    fn begin(query: &AuditQuery) -> Result<(Hour, Position), CursorError> {
        let (first, last) = (Hour::of(query.from), Hour::of(query.to));
        let Some(cursor) = &query.cursor else {
            let position = Position {
                hour: last.to_string(),
                row: None,
                skip: 0,
            };
            return Ok((last, position));
        };
        let position = Position::parse(cursor).ok_or(CursorError)?;
        let hour = Hour::parse(&position.hour).ok_or(CursorError)?;
        if hour < first || hour > last {
            return Err(CursorError);
        }
        Ok((hour, position))
    }

    /// A page of entries.
    ///
    /// # Errors
    /// `Ok(Err(_))` when the cursor is not one of ours; else when storage
    /// does not answer.
    pub async fn page(
        &self,
        query: &AuditQuery,
    ) -> Result<Result<AuditPage, CursorError>, TableError> {
        let Ok((mut hour, mut position)) = Self::begin(query) else {
            return Ok(Err(CursorError));
        };
        let first = Hour::of(query.from);
        let mut page = AuditPage::default();
        let mut reads = 0;
        while hour >= first {
            position.hour = hour.to_string();
            if reads >= MOST_READS || page.entries.len() >= query.limit {
                page.next_cursor = position.to_text();
                return Ok(Ok(page));
            }
            reads += 1;
            let more = self.read(query, hour, &mut position, &mut page).await?;
            if !more {
                hour = hour.before();
                position.row = None;
                position.skip = 0;
            }
        }
        Ok(Ok(page))
    }

    /// Reads some rows of an hour from `position`, which moves on; whether
    /// there may be more of this hour.
    async fn read(
        &self,
        query: &AuditQuery,
        hour: Hour,
        position: &mut Position,
        page: &mut AuditPage,
    ) -> Result<bool, TableError> {
        let place = Place {
            hour,
            tenant: Some(query.tenant),
        };
        let mut rows = Query::partition(place.to_string())
            .rows(RowRange::Between {
                from: position.row.clone(),
                to: Some(AFTER_PACKS.to_owned()),
            })
            .limit(ROWS);
        let start = position.row.clone();
        loop {
            let found = self.tables.query(TABLE, &rows).await?;
            for row in found.rows {
                if take(query, &row, self.clock.unix(), position, page)? {
                    return Ok(true);
                }
            }
            match found.continuation {
                None => return Ok(false),
                // The next read begins with the last row again, of which
                // nothing is left. A page of that row alone leads on.
                Some(continuation) if position.row == start => rows = rows.after(continuation),
                Some(_) => return Ok(true),
            }
        }
    }
}

/// Takes what matches of a row, newest first, from `position` on; whether
/// the page is full.
fn take(
    query: &AuditQuery,
    row: &Row,
    now: i64,
    position: &mut Position,
    page: &mut AuditPage,
) -> Result<bool, TableError> {
    if position.row.as_deref() != Some(row.row.as_str()) {
        position.row = Some(row.row.clone());
        position.skip = 0;
    }
    if row.is_expired(now) {
        return Ok(false);
    }
    for entry in entries_of(row)?.into_iter().rev().skip(position.skip) {
        if page.entries.len() >= query.limit {
            return Ok(true);
        }
        position.skip += 1;
        if matches(query, &entry) {
            page.entries.push(entry);
        }
    }
    Ok(false)
}

fn matches(query: &AuditQuery, entry: &Entry) -> bool {
    entry.time >= query.from
        && entry.time <= query.to
        && query.user.is_none_or(|user| entry.user == Some(user))
        && query.outcome.is_none_or(|outcome| entry.outcome == outcome)
        && query
            .tool
            .as_ref()
            .is_none_or(|tool| entry.tool.as_ref() == Some(tool))
}
