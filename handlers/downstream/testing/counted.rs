//! Tables that count round trips and fail on demand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use entrada_tables::{
    Condition, Continuation, ETag, EmbeddedTables, Operation, Page, Query, Row, TableError, Tables,
};

/// Tables that count round trips and fail on demand.
#[derive(Debug)]
pub(crate) struct CountedTables {
    tables: EmbeddedTables,
    trips: AtomicUsize,
    /// Tables whose storage is away.
    away: Mutex<Vec<String>>,
}

impl CountedTables {
    pub(crate) fn new(tables: EmbeddedTables) -> Self {
        Self {
            tables,
            trips: AtomicUsize::new(0),
            away: Mutex::default(),
        }
    }

    /// Round trips since the last call.
    pub(crate) fn trips(&self) -> usize {
        self.trips.swap(0, Ordering::SeqCst)
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
        self.trips.fetch_add(1, Ordering::SeqCst);
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
        self.tables.create_table(table).await
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
