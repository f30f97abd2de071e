use std::fmt::Debug;

use async_trait::async_trait;

use crate::{Condition, Continuation, ETag, Operation, Page, Query, Row, TableError};

/// Tables of rows, as small as Azure Table Storage itself.
///
/// Rows are named by table, partition and row key. One row is written
/// atomically; several rows of one partition are by [`Tables::batch`]; there
/// is nothing atomic across partitions. What a write has acknowledged survives
/// the end of the process.
///
/// Every method answers [`TableError::Invalid`] for what breaks a limit of the
/// service, [`TableError::NoSuchTable`] for a table that was not created,
/// [`TableError::Unavailable`] and [`TableError::Forbidden`] for storage that
/// cannot be used right now.
#[async_trait]
pub trait Tables: Debug + Send + Sync {
    /// Makes the table, unless it is there already.
    ///
    /// # Errors
    /// Those of every method.
    async fn create_table(&self, table: &str) -> Result<(), TableError>;

    /// Makes a row that must not be there yet. Of several that try, exactly
    /// one succeeds.
    ///
    /// # Errors
    /// [`TableError::AlreadyExists`], and those of every method.
    async fn insert(&self, table: &str, row: &Row) -> Result<ETag, TableError>;

    /// The row of these keys with its [`ETag`], `None` when there is none.
    ///
    /// # Errors
    /// Those of every method.
    async fn get(&self, table: &str, partition: &str, row: &str)
    -> Result<Option<Row>, TableError>;

    /// Puts the row in the place of the one that is there: properties that are
    /// not named are gone.
    ///
    /// # Errors
    /// [`TableError::PreconditionFailed`], [`TableError::NotFound`], and those
    /// of every method.
    async fn replace(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError>;

    /// Sets the properties that are named and keeps the others.
    ///
    /// # Errors
    /// [`TableError::PreconditionFailed`], [`TableError::NotFound`], and those
    /// of every method.
    async fn merge(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError>;

    /// Removes the row.
    ///
    /// # Errors
    /// [`TableError::PreconditionFailed`], [`TableError::NotFound`], and those
    /// of every method.
    async fn delete(
        &self,
        table: &str,
        partition: &str,
        row: &str,
        condition: &Condition,
    ) -> Result<(), TableError>;

    /// One page of the rows of one partition, in the order of their row keys
    /// (by UTF-16 units). A page holds at most 1,000 rows and may hold fewer,
    /// even none, although more follow: only a missing continuation says that
    /// this was the end.
    ///
    /// # Errors
    /// Those of every method.
    async fn query(&self, table: &str, query: &Query) -> Result<Page, TableError>;

    /// All of the operations or none: at most 100 on distinct rows of one
    /// partition, at most 4 MiB. Answers one element per operation, in order,
    /// `None` for deletes. An empty batch does nothing.
    ///
    /// # Errors
    /// The error of the first operation that could not be applied, and those
    /// of every method.
    async fn batch(
        &self,
        table: &str,
        operations: &[Operation],
    ) -> Result<Vec<Option<ETag>>, TableError>;

    /// A page of rows of *all* partitions whose `expires_at` is at or before
    /// `now` (epoch seconds), with nothing but keys, `ETag` and `expires_at`;
    /// at most `limit` (1 to 1,000). It reads the whole table, a page at a
    /// time: for the sweep timer alone, never on a request's path.
    ///
    /// # Errors
    /// Those of every method.
    async fn expired(
        &self,
        table: &str,
        now: i64,
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError>;

    /// A page of rows of *all* partitions with nothing but keys, `ETag` and the
    /// properties of `select`; at most `limit` (1 to 1,000). As for
    /// [`Tables::query`], a page may hold fewer, even none, although more
    /// follow. It reads the whole table, a page at a time: for the sweep timer
    /// alone, never on a request's path.
    ///
    /// # Errors
    /// Those of every method.
    async fn scan(
        &self,
        table: &str,
        select: &[&str],
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError>;

    /// Whether storage can be reached and used: one cheap round trip, no
    /// table needed.
    ///
    /// # Errors
    /// Those of every method.
    async fn ping(&self) -> Result<(), TableError>;
}
