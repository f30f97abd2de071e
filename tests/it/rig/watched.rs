//! Storage that is watched: what is asked of it is noted, it can be kept from
//! answering, and it can break.

use std::sync::{Arc, Mutex};

use entrada_tables::{
    Condition, Continuation, ETag, Operation, Page, Query, Row, TableError, Tables,
};
use tokio::sync::watch;

/// Whose answers are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stalled {
    Nothing,
    Table(&'static str),
    Queries,
    Everything,
}

/// Tables around others.
#[derive(Debug)]
pub(crate) struct Watched {
    inner: Arc<dyn Tables>,
    /// Operation and table, in the order in which they were asked.
    asked: Mutex<Vec<(&'static str, String)>>,
    stalled: watch::Sender<Stalled>,
    broken: Mutex<Vec<&'static str>>,
}

impl Watched {
    pub(crate) fn new(inner: Arc<dyn Tables>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            asked: Mutex::default(),
            stalled: watch::Sender::new(Stalled::Nothing),
            broken: Mutex::default(),
        })
    }

    /// The tables themselves, unwatched.
    pub(crate) fn unwatched(&self) -> &dyn Tables {
        self.inner.as_ref()
    }

    /// What was asked since this was called last. What goes on beside
    /// requests (loading revocations) is left out.
    pub(crate) fn take(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked
            .into_iter()
            .filter(|(_, table)| table != "entradarevocations")
            .map(|(operation, table)| format!("{operation} {table}"))
            .collect()
    }

    /// Nothing answers from now on.
    pub(crate) fn stall(&self) {
        self.stalled.send_replace(Stalled::Everything);
    }

    /// Nothing about this table answers from now on.
    pub(crate) fn stall_table(&self, table: &'static str) {
        self.stalled.send_replace(Stalled::Table(table));
    }

    /// No query answers from now on.
    pub(crate) fn stall_queries(&self) {
        self.stalled.send_replace(Stalled::Queries);
    }

    /// Everything answers again, what was asked meanwhile too.
    pub(crate) fn go_on(&self) {
        self.stalled.send_replace(Stalled::Nothing);
    }

    /// Whoever asks for these tables panics from now on.
    pub(crate) fn break_tables(&self, tables: &[&'static str]) {
        self.broken.lock().unwrap().extend(tables);
    }

    async fn pass(&self, operation: &'static str, table: &str) {
        let is_broken = self.broken.lock().unwrap().contains(&table);
        assert!(!is_broken, "{table} is broken");
        let entry = (operation, table.to_owned());
        self.asked.lock().unwrap().push(entry);
        let mut stalled = self.stalled.subscribe();
        let free = |stalled: &Stalled| match stalled {
            Stalled::Nothing => true,
            Stalled::Table(name) => *name != table,
            Stalled::Queries => operation != "query",
            Stalled::Everything => false,
        };
        let _ = stalled.wait_for(free).await;
    }
}

#[async_trait::async_trait]
impl Tables for Watched {
    async fn create_table(&self, table: &str) -> Result<(), TableError> {
        self.inner.create_table(table).await
    }

    async fn insert(&self, table: &str, row: &Row) -> Result<ETag, TableError> {
        self.pass("insert", table).await;
        self.inner.insert(table, row).await
    }

    async fn get(
        &self,
        table: &str,
        partition: &str,
        row: &str,
    ) -> Result<Option<Row>, TableError> {
        self.pass("get", table).await;
        self.inner.get(table, partition, row).await
    }

    async fn replace(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        self.pass("replace", table).await;
        self.inner.replace(table, row, condition).await
    }

    async fn merge(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        self.pass("merge", table).await;
        self.inner.merge(table, row, condition).await
    }

    async fn delete(
        &self,
        table: &str,
        partition: &str,
        row: &str,
        condition: &Condition,
    ) -> Result<(), TableError> {
        self.pass("delete", table).await;
        self.inner.delete(table, partition, row, condition).await
    }

    async fn query(&self, table: &str, query: &Query) -> Result<Page, TableError> {
        self.pass("query", table).await;
        self.inner.query(table, query).await
    }

    async fn batch(
        &self,
        table: &str,
        operations: &[Operation],
    ) -> Result<Vec<Option<ETag>>, TableError> {
        self.pass("batch", table).await;
        self.inner.batch(table, operations).await
    }

    async fn expired(
        &self,
        table: &str,
        now: i64,
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        self.pass("expired", table).await;
        self.inner.expired(table, now, limit, continuation).await
    }

    async fn scan(
        &self,
        table: &str,
        select: &[&str],
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        self.pass("scan", table).await;
        self.inner.scan(table, select, limit, continuation).await
    }

    async fn ping(&self) -> Result<(), TableError> {
        self.inner.ping().await
    }
}
