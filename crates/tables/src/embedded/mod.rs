//! The backend that needs nothing but a file.

mod encoding;
mod file;
mod reader;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use entrada_ambient::Clock;

pub use self::file::OpenError;
use self::file::Store;
use self::writer::{Change, Write, Writer};
use crate::{
    Condition, Continuation, ETag, Operation, Page, Query, Row, TableError, Tables, validate,
};

/// Tables in one file, with the semantics and limits of Azure Table Storage.
/// For development and tests: one process at a time, one file, no replicas.
///
/// Writes go to one thread, which applies all that are waiting in one
/// transaction and commits it with one `fsync` (group commit), each with the
/// result of its own conditions. What was acknowledged survives `kill -9` and
/// loss of power. Reads see the last commit and never wait for writes.
///
/// A write whose future is dropped before it answered may still be applied.
pub struct EmbeddedTables {
    store: Arc<Store>,
    writer: Writer,
}

impl EmbeddedTables {
    /// Opens the file at `path`, or makes it. Its folder must exist. Slow
    /// commits are measured by `clock` and logged.
    ///
    /// # Errors
    /// [`OpenError`]: another process has it open, a newer version wrote it,
    /// it is no such file, or the file system refuses.
    pub fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        Self::over(Store::open(path.as_ref())?, path.as_ref(), clock)
    }

    /// Tables that are gone with the process. For tests.
    ///
    /// # Errors
    /// [`OpenError`] when no thread can be started.
    pub fn in_memory(clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let path = Path::new(":memory:");
        Self::over(Store::in_memory(path)?, path, clock)
    }

    fn over(store: Store, path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let store = Arc::new(store);
        let writer =
            Writer::start(Arc::clone(&store), clock).map_err(|source| OpenError::Writer {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self { store, writer })
    }

    /// Applies one change by itself.
    async fn apply(&self, change: Change) -> Result<Option<ETag>, TableError> {
        let tags = self.writer.write(vec![change]).await?;
        Ok(tags.into_iter().next().flatten())
    }

    async fn put(&self, table: &str, row: &Row, write: Write) -> Result<ETag, TableError> {
        validate::row(row)?;
        let table = self.store.table(table)?;
        let change = Change::new(&table, &row.partition, &row.row, write);
        self.apply(change)
            .await?
            .ok_or_else(|| TableError::corrupt("a write that gave no version"))
    }

    /// Runs `read` where it may take its time.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, TableError> + Send + 'static,
    ) -> Result<T, TableError> {
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || read(&store))
            .await
            .map_err(|error| TableError::unavailable_because("a read was cut off", error))?
    }
}

#[async_trait]
impl Tables for EmbeddedTables {
    async fn create_table(&self, table: &str) -> Result<(), TableError> {
        validate::table(table)?;
        if self.store.has_table(table) {
            return Ok(());
        }
        self.writer.create_table(table).await
    }

    async fn insert(&self, table: &str, row: &Row) -> Result<ETag, TableError> {
        self.put(table, row, Write::insert(row)).await
    }

    async fn get(
        &self,
        table: &str,
        partition: &str,
        row: &str,
    ) -> Result<Option<Row>, TableError> {
        validate::keys(partition, row)?;
        let table = self.store.table(table)?;
        // One look-up by key: some microseconds, less than a thread switch.
        reader::get(&self.store, &table, partition, row)
    }

    async fn replace(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        self.put(table, row, Write::replace(row, condition)).await
    }

    async fn merge(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        self.put(table, row, Write::merge(row, condition)).await
    }

    async fn delete(
        &self,
        table: &str,
        partition: &str,
        row: &str,
        condition: &Condition,
    ) -> Result<(), TableError> {
        validate::keys(partition, row)?;
        let table = self.store.table(table)?;
        let write = Write::Delete(condition.clone());
        self.apply(Change::new(&table, partition, row, write))
            .await
            .map(|_| ())
    }

    async fn query(&self, table: &str, query: &Query) -> Result<Page, TableError> {
        validate::query(query)?;
        let table = self.store.table(table)?;
        let query = query.clone();
        self.read(move |store| reader::query(store, &table, &query))
            .await
    }

    async fn batch(
        &self,
        table: &str,
        operations: &[Operation],
    ) -> Result<Vec<Option<ETag>>, TableError> {
        validate::batch(operations)?;
        let table = self.store.table(table)?;
        if operations.is_empty() {
            return Ok(Vec::new());
        }
        let changes = operations
            .iter()
            .map(|operation| Change::from_operation(&table, operation))
            .collect();
        self.writer.write(changes).await
    }

    async fn expired(
        &self,
        table: &str,
        now: i64,
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        let limit = validate::page_rows(Some(limit))?;
        let table = self.store.table(table)?;
        let continuation = continuation.cloned();
        self.read(move |store| reader::expired(store, &table, now, limit, continuation.as_ref()))
            .await
    }

    async fn scan(
        &self,
        table: &str,
        select: &[&str],
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        let limit = validate::page_rows(Some(limit))?;
        let table = self.store.table(table)?;
        let select: Vec<String> = select.iter().copied().map(str::to_owned).collect();
        let continuation = continuation.cloned();
        self.read(move |store| reader::all(store, &table, &select, limit, continuation.as_ref()))
            .await
    }

    async fn ping(&self) -> Result<(), TableError> {
        self.writer.ping()?;
        reader::ping(&self.store)
    }
}

impl fmt::Debug for EmbeddedTables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EmbeddedTables")
            .finish_non_exhaustive()
    }
}
