//! The census in storage: what the last complete look found.

use std::collections::BTreeSet;

use entrada_tables::{Condition, Row, TableError, Tables};
use time::OffsetDateTime;

use crate::identity::{Census, StoredValues};
use crate::ops::UPKEEP_TABLE;

const KEY: (&str, &str) = ("resealing", "census");

/// What storage is known to hold under retired keys.
///
/// # Errors
/// Those of storage.
pub async fn read(tables: &dyn Tables) -> Result<StoredValues, TableError> {
    let row = match tables.get(UPKEEP_TABLE, KEY.0, KEY.1).await {
        // A server that never started has none of its tables.
        Err(TableError::NoSuchTable { .. }) => None,
        found => found?,
    };
    Ok(match row {
        Some(row) => StoredValues::Counted(from_row(&row)?),
        None => StoredValues::NeverCounted,
    })
}

/// Puts `census` in the place of the one before.
///
/// # Errors
/// Those of storage.
pub(super) async fn write(tables: &dyn Tables, census: &Census) -> Result<(), TableError> {
    let row = Row::new(KEY.0, KEY.1)
        .with("begun_at", census.begun_at.unix_timestamp())
        .with("ended_at", census.ended_at.unix_timestamp())
        .with("looked_for", joined(&census.looked_for))
        .with("found", joined(&census.found));
    let written = tables.replace(UPKEEP_TABLE, &row, &Condition::None);
    written.await.map(drop)
}

fn from_row(row: &Row) -> Result<Census, TableError> {
    Ok(Census {
        begun_at: moment(row, "begun_at")?,
        ended_at: moment(row, "ended_at")?,
        looked_for: split(row.text("looked_for")?),
        found: split(row.text("found")?),
    })
}

pub(super) fn moment(row: &Row, name: &str) -> Result<OffsetDateTime, TableError> {
    OffsetDateTime::from_unix_timestamp(row.int64(name)?).map_err(|_| TableError::Invalid {
        reason: format!("`{name}` is no moment"),
    })
}

/// Key ids in one text: none has a space.
pub(super) fn joined(kids: &BTreeSet<String>) -> String {
    kids.iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) fn split(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
