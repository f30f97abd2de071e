//! Where a sweep is. A run has so much time and no more, and still everything
//! has to get its turn: the next one begins where the last one ended.

use entrada_tables::{Condition, Continuation, Row, TableError, Tables};

use crate::ops::UPKEEP_TABLE;

const KEY: (&str, &str) = ("sweep", "place");

/// A table, and how far into it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) table: &'static str,
    pub(super) continuation: Option<Continuation>,
}

impl Place {
    /// The place that is noted, if it is one among `tables` that this version
    /// can go on from.
    ///
    /// # Errors
    /// Those of storage.
    pub(super) async fn load(
        storage: &dyn Tables,
        tables: &[&'static str],
    ) -> Result<Option<Self>, TableError> {
        let row = storage.get(UPKEEP_TABLE, KEY.0, KEY.1).await?;
        Ok(row.and_then(|row| Self::from_row(&row, tables)))
    }

    /// Notes it. Of two sweeps at once the later note counts: nothing is lost
    /// by it but the time to look again.
    ///
    /// # Errors
    /// Those of storage.
    pub(super) async fn save(&self, storage: &dyn Tables) -> Result<(), TableError> {
        let continuation = self.continuation.as_ref().map(Continuation::as_str);
        let row = Row::new(KEY.0, KEY.1)
            .with("table", self.table)
            .with_optional("continuation", continuation);
        let saved = storage.replace(UPKEEP_TABLE, &row, &Condition::None);
        saved.await.map(drop)
    }

    /// Goes on to the next page; where there is none, to the next of `tables`,
    /// of which the first comes after the last.
    pub(super) fn advance(&mut self, continuation: Option<Continuation>, tables: &[&'static str]) {
        self.continuation = continuation;
        if self.continuation.is_none() {
            let mut turn = tables.iter().chain(tables.first());
            turn.find(|table| **table == self.table);
            self.table = turn.next().copied().unwrap_or(self.table);
        }
    }

    fn from_row(row: &Row, tables: &[&'static str]) -> Option<Self> {
        let name = row.text("table").ok()?;
        let continuation = row.optional_text("continuation").ok()?;
        Some(Self {
            table: tables.iter().copied().find(|table| *table == name)?,
            continuation: continuation.map(Continuation::parse).transpose().ok()?,
        })
    }
}
