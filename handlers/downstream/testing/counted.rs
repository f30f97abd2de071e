//! Tables that note round trips, and are slow or fail on demand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use entrada_ambient::ManualClock;
use entrada_tables::{
    Condition, Continuation, ETag, EmbeddedTables, Operation, Page, Query, Row, TableError, Tables,
};

/// Tables that note round trips, and are slow or fail on demand.
#[derive(Debug)]
pub(crate) struct CountedTables {
    tables: EmbeddedTables,
    /// The table of each round trip.
    asked: Mutex<Vec<String>>,
    /// How long a round trip takes, by a clock that otherwise stands still.
    pace: Mutex<Option<(Arc<ManualClock>, Duration)>>,
    /// Tables whose storage is away.
    away: Mutex<Vec<String>>,
}

impl CountedTables {
    pub(crate) fn new(tables: EmbeddedTables) -> Self {
        Self {
            tables,
            asked: Mutex::default(),
            pace: Mutex::default(),
            away: Mutex::default(),
        }
    }

    /// Round trips since the last call.
    pub(crate) fn trips(&self) -> usize {
        self.asked().len()
    }

    /// The tables of the round trips since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// From now on a round trip takes this long by `clock`.
    pub(crate) fn slow_down(&self, clock: Arc<ManualClock>, trip: Duration) {
        *self.pace.lock().unwrap() = Some((clock, trip));
    }

    /// From now on `table` cannot be reached.
    pub(crate) fn lose(&self, table: &str) {
        self.away.lock().unwrap().push(table.to_owned());
    }

    /// Everything can be reached again.
    pub(crate) fn recover(&self) {
        self.away.lock().unwrap().clear();
    }

    async fn trip(&self, table: &str) -> Result<&EmbeddedTables, TableError> {
        // What comes over a network is never there at once.
        tokio::task::yield_now().await;
        self.asked.lock().unwrap().push(table.to_owned());
        if let Some((clock, trip)) = &*self.pace.lock().unwrap() {
            clock.advance(*trip);
        }
        self.reach(table)
    }

    fn reach(&self, table: &str) -> Result<&EmbeddedTables, TableError> {
        if self.away.lock().unwrap().iter().any(|away| away == table) {
            return Err(TableError::Unavailable {
                reason: "lost on purpose".to_owned(),
                source: None,
            });
        }
        Ok(&self.tables)
    }
}

#[async_trait]
impl Tables for CountedTables {
    async fn create_table(&self, table: &str) -> Result<(), TableError> {
        self.reach(table)?.create_table(table).await
    }

    async fn insert(&self, table: &str, row: &Row) -> Result<ETag, TableError> {
        self.trip(table).await?.insert(table, row).await
    }

    async fn get(
        &self,
        table: &str,
        partition: &str,
        row: &str,
    ) -> Result<Option<Row>, TableError> {
        self.trip(table).await?.get(table, partition, row).await
    }

    async fn replace(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        self.trip(table).await?.replace(table, row, condition).await
    }

    async fn merge(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        self.trip(table).await?.merge(table, row, condition).await
    }

    async fn delete(
        &self,
        table: &str,
        partition: &str,
        row: &str,
        condition: &Condition,
    ) -> Result<(), TableError> {
        self.trip(table)
            .await?
            .delete(table, partition, row, condition)
            .await
    }

    async fn query(&self, table: &str, query: &Query) -> Result<Page, TableError> {
        self.trip(table).await?.query(table, query).await
    }

    async fn batch(
        &self,
        table: &str,
        operations: &[Operation],
    ) -> Result<Vec<Option<ETag>>, TableError> {
        self.trip(table).await?.batch(table, operations).await
    }

    async fn expired(
        &self,
        table: &str,
        now: i64,
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        self.trip(table)
            .await?
            .expired(table, now, limit, continuation)
            .await
    }

    async fn scan(
        &self,
        table: &str,
        select: &[&str],
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        self.trip(table)
            .await?
            .scan(table, select, limit, continuation)
            .await
    }

    async fn ping(&self) -> Result<(), TableError> {
        self.tables.ping().await
    }
}
