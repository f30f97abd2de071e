//! Tables whose answers can be held back, or lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use entrada_tables::{
    Condition, Continuation, ETag, Operation, Page, Query, Row, TableError, Tables,
};
use tokio::sync::watch;

/// Tables that do everything at once, but whose answers can be held back, or
/// lost.
#[derive(Debug)]
pub(crate) struct HeldTables {
    tables: Arc<dyn Tables>,
    /// How the names of those partitions begin about which nothing is
    /// answered.
    held: Mutex<Option<String>>,
    /// Told when what was held back is let go.
    released: watch::Sender<()>,
    waiting: AtomicUsize,
    losing: AtomicBool,
}

impl HeldTables {
    pub(crate) fn new(tables: Arc<dyn Tables>) -> Self {
        Self {
            tables,
            held: Mutex::default(),
            released: watch::Sender::default(),
            waiting: AtomicUsize::new(0),
            losing: AtomicBool::new(false),
        }
    }

    /// From now on nothing is answered about partitions whose names begin so.
    pub(crate) fn hold(&self, partitions: &str) {
        *self.held.lock().unwrap() = Some(partitions.to_owned());
    }

    /// From now on everything is answered but what is held back already.
    pub(crate) fn hold_no_more(&self) {
        *self.held.lock().unwrap() = None;
    }

    /// Everything is answered, also what was held back.
    pub(crate) fn let_go(&self) {
        self.hold_no_more();
        self.released.send_replace(());
    }

    /// From now on, or not any more, writes are done and their answers lost.
    pub(crate) fn lose_answers(&self, losing: bool) {
        self.losing.store(losing, Ordering::SeqCst);
    }

    /// How many answers are held back once there are `number`, or after two
    /// seconds.
    pub(crate) async fn held_back(&self, number: usize) -> usize {
        for _ in 0..200 {
            if self.waiting.load(Ordering::SeqCst) >= number {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.waiting.load(Ordering::SeqCst)
    }

    async fn answer<T>(&self, partition: &str, answer: T) -> T {
        let mut released = self.released.subscribe();
        let held = self.held.lock().unwrap().clone();
        if held.is_some_and(|held| partition.starts_with(&held)) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            released.changed().await.unwrap();
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        answer
    }

    async fn written<T>(
        &self,
        partition: &str,
        answer: Result<T, TableError>,
    ) -> Result<T, TableError> {
        if self.losing.load(Ordering::SeqCst) {
            return Err(TableError::Unavailable {
                reason: "the answer was lost on purpose".to_owned(),
                source: None,
            });
        }
        self.answer(partition, answer).await
    }
}

#[async_trait]
impl Tables for HeldTables {
    async fn create_table(&self, table: &str) -> Result<(), TableError> {
        self.tables.create_table(table).await
    }

    async fn insert(&self, table: &str, row: &Row) -> Result<ETag, TableError> {
        let answer = self.tables.insert(table, row).await;
        self.written(&row.partition, answer).await
    }

    async fn get(
        &self,
        table: &str,
        partition: &str,
        row: &str,
    ) -> Result<Option<Row>, TableError> {
        let answer = self.tables.get(table, partition, row).await;
        self.answer(partition, answer).await
    }

    async fn replace(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        let answer = self.tables.replace(table, row, condition).await;
        self.written(&row.partition, answer).await
    }

    async fn merge(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        let answer = self.tables.merge(table, row, condition).await;
        self.written(&row.partition, answer).await
    }

    async fn delete(
        &self,
        table: &str,
        partition: &str,
        row: &str,
        condition: &Condition,
    ) -> Result<(), TableError> {
        let answer = self.tables.delete(table, partition, row, condition).await;
        self.written(partition, answer).await
    }

    async fn query(&self, table: &str, query: &Query) -> Result<Page, TableError> {
        let answer = self.tables.query(table, query).await;
        self.answer(&query.partition, answer).await
    }

    async fn batch(
        &self,
        table: &str,
        operations: &[Operation],
    ) -> Result<Vec<Option<ETag>>, TableError> {
        let answer = self.tables.batch(table, operations).await;
        let partition = operations.first().map_or("", |first| first.keys().0);
        self.written(partition, answer).await
    }

    async fn expired(
        &self,
        table: &str,
        now: i64,
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        self.tables.expired(table, now, limit, continuation).await
    }

    async fn scan(
        &self,
        table: &str,
        select: &[&str],
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        self.tables.scan(table, select, limit, continuation).await
    }

    async fn ping(&self) -> Result<(), TableError> {
        self.tables.ping().await
    }
}
