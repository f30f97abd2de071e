//! One look through everything that is sealed, over as many sweeps as it
//! takes: how far it has come lies in storage.

use std::collections::BTreeSet;

use entrada_tables::{Condition, Continuation, ETag, Row, TableError, Tables};
use time::OffsetDateTime;

use super::census::{joined, moment, split};
use crate::identity::{Census, SealedColumn};
use crate::ops::UPKEEP_TABLE;

const KEY: (&str, &str) = ("resealing", "pass");

/// A look that is under way.
#[derive(Debug)]
pub(super) struct Pass {
    begun_at: OffsetDateTime,
    /// The retired keys that it looks for.
    pub(super) looked_for: BTreeSet<String>,
    /// Those of them that it has found values under.
    pub(super) found: BTreeSet<String>,
    /// Where it is; `None` when it has come to the end.
    place: Option<(String, Option<Continuation>)>,
    etag: Option<ETag>,
}

/// The tables that hold something sealed, in the order in which they are
/// looked through.
fn tables() -> Vec<&'static str> {
    let mut tables: Vec<_> = SealedColumn::STORED
        .iter()
        .map(|column| column.table())
        .collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

impl Pass {
    /// The look that is under way, if one is that this version can go on with.
    pub(super) async fn load(storage: &dyn Tables) -> Result<Option<Self>, TableError> {
        let row = storage.get(UPKEEP_TABLE, KEY.0, KEY.1).await?;
        Ok(row.and_then(|row| Self::from_row(&row).ok()))
    }

    /// Begins a look for these keys, in the place of any other.
    pub(super) async fn begin(
        storage: &dyn Tables,
        looked_for: BTreeSet<String>,
        now: OffsetDateTime,
    ) -> Result<Self, TableError> {
        let mut pass = Self {
            begun_at: now,
            looked_for,
            found: BTreeSet::new(),
            place: tables().first().map(|table| ((*table).to_owned(), None)),
            etag: None,
        };
        let row = pass.to_row();
        let begun = storage.replace(UPKEEP_TABLE, &row, &Condition::None);
        pass.etag = Some(begun.await?);
        Ok(pass)
    }

    /// The table that it is in, and how far; `None` at the end.
    pub(super) fn place(&self) -> Option<(&str, Option<&Continuation>)> {
        let (table, continuation) = self.place.as_ref()?;
        Some((table, continuation.as_ref()))
    }

    /// Goes on to the next page, or to the next table.
    pub(super) fn advance(&mut self, continuation: Option<Continuation>) {
        let Some((table, _)) = self.place.take() else {
            return;
        };
        self.place = match continuation {
            Some(continuation) => Some((table, Some(continuation))),
            None => tables()
                .into_iter()
                .find(|next| **next > *table)
                .map(|next| (next.to_owned(), None)),
        };
    }

    /// Notes how far it has come.
    ///
    /// # Errors
    /// [`TableError::PreconditionFailed`] when another sweep has gone on with
    /// it; those of storage.
    pub(super) async fn save(&mut self, storage: &dyn Tables) -> Result<(), TableError> {
        let (row, unchanged) = (self.to_row(), self.unchanged());
        let saved = storage.replace(UPKEEP_TABLE, &row, &unchanged);
        self.etag = Some(saved.await?);
        Ok(())
    }

    /// Puts what it found in the place of the census before. It has been saved
    /// at its end, so a sweep that is killed here has the next one do it.
    ///
    /// # Errors
    /// Those of storage.
    pub(super) async fn end(
        self,
        storage: &dyn Tables,
        now: OffsetDateTime,
    ) -> Result<Census, TableError> {
        let unchanged = self.unchanged();
        let census = Census {
            begun_at: self.begun_at,
            ended_at: now,
            looked_for: self.looked_for,
            found: self.found,
        };
        super::census::write(storage, &census).await?;
        match storage.delete(UPKEEP_TABLE, KEY.0, KEY.1, &unchanged).await {
            Ok(()) | Err(TableError::PreconditionFailed | TableError::NotFound) => Ok(census),
            Err(error) => Err(error),
        }
    }

    fn unchanged(&self) -> Condition {
        self.etag
            .clone()
            .map_or(Condition::Exists, Condition::Matches)
    }

    fn to_row(&self) -> Row {
        let (table, continuation) = self.place().unwrap_or_default();
        Row::new(KEY.0, KEY.1)
            .with("begun_at", self.begun_at.unix_timestamp())
            .with("looked_for", joined(&self.looked_for))
            .with("found", joined(&self.found))
            .with("table", table)
            .with_optional("continuation", continuation.map(Continuation::as_str))
    }

    fn from_row(row: &Row) -> Result<Self, TableError> {
        let continuation = row.optional_text("continuation")?;
        let continuation = continuation.map(Continuation::parse).transpose()?;
        Ok(Self {
            begun_at: moment(row, "begun_at")?,
            looked_for: split(row.text("looked_for")?),
            found: split(row.text("found")?),
            place: Some(row.text("table")?)
                .filter(|table| !table.is_empty())
                .map(|table| (table.to_owned(), continuation)),
            etag: row.etag.clone(),
        })
    }
}
