//! Storage that is watched: what is asked of it is noted, it can be kept from
//! answering, and it can break.

use std::sync::atomic::{AtomicUsize, Ordering};
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
    /// How many operations wait for their answer.
    under_way: AtomicUsize,
}

/// What goes on beside requests (loading revocations): it is not told of.
fn is_beside(table: &str) -> bool {
    table == "entradarevocations"
}

/// An operation that waits for its answer.
struct UnderWay<'a>(Option<&'a AtomicUsize>);

impl<'a> UnderWay<'a> {
    fn with(watched: &'a Watched, table: &str) -> Self {
        let count = (!is_beside(table)).then_some(&watched.under_way);
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0 {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Watched {
    pub(crate) fn new(inner: Arc<dyn Tables>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            asked: Mutex::default(),
            stalled: watch::Sender::new(Stalled::Nothing),
            broken: Mutex::default(),
            under_way: AtomicUsize::new(0),
        })
    }

    /// The tables themselves, unwatched.
    pub(crate) fn unwatched(&self) -> &dyn Tables {
        self.inner.as_ref()
    }

    /// What was asked since this was called last.
    pub(crate) fn take(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked
            .into_iter()
            .filter(|(_, table)| !is_beside(table))
            .map(|(operation, table)| format!("{operation} {table}"))
            .collect()
    }

    /// Whether somebody waits for an answer.
    pub(crate) fn is_asked(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
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

    /// Lets an operation through as soon as it may be answered.
    async fn pass(&self, operation: &'static str, table: &str) -> UnderWay<'_> {
        let under_way = UnderWay::with(self, table);
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
        under_way
    }
}

#[async_trait::async_trait]
impl Tables for Watched {
    async fn create_table(&self, table: &str) -> Result<(), TableError> {
        self.inner.create_table(table).await
    }

    async fn insert(&self, table: &str, row: &Row) -> Result<ETag, TableError> {
        let _under_way = self.pass("insert", table).await;
        self.inner.insert(table, row).await
    }

    async fn get(
        &self,
        table: &str,
        partition: &str,
        row: &str,
    ) -> Result<Option<Row>, TableError> {
        let _under_way = self.pass("get", table).await;
        self.inner.get(table, partition, row).await
    }

    async fn replace(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        let _under_way = self.pass("replace", table).await;
        self.inner.replace(table, row, condition).await
    }

    async fn merge(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        let _under_way = self.pass("merge", table).await;
        self.inner.merge(table, row, condition).await
    }

    async fn delete(
        &self,
        table: &str,
        partition: &str,
        row: &str,
        condition: &Condition,
    ) -> Result<(), TableError> {
        let _under_way = self.pass("delete", table).await;
        self.inner.delete(table, partition, row, condition).await
    }

    async fn query(&self, table: &str, query: &Query) -> Result<Page, TableError> {
        let _under_way = self.pass("query", table).await;
        self.inner.query(table, query).await
    }

    async fn batch(
        &self,
        table: &str,
        operations: &[Operation],
    ) -> Result<Vec<Option<ETag>>, TableError> {
        let _under_way = self.pass("batch", table).await;
        self.inner.batch(table, operations).await
    }

    async fn expired(
        &self,
        table: &str,
        now: i64,
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        let _under_way = self.pass("expired", table).await;
        self.inner.expired(table, now, limit, continuation).await
    }

    async fn scan(
        &self,
        table: &str,
        select: &[&str],
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        let _under_way = self.pass("scan", table).await;
        self.inner.scan(table, select, limit, continuation).await
    }

    async fn ping(&self) -> Result<(), TableError> {
        self.inner.ping().await
    }
}
