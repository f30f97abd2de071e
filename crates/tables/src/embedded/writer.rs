use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use entrada_ambient::Clock;
use redb::{ReadableTable, Table};
use tokio::sync::{mpsc, oneshot};

use super::encoding;
use super::file::{LAST_ETAG, META, ROWS, Store, TABLES};
use crate::{Condition, ETag, Operation, Row, TableError, Value, validate};

/// Requests that may wait for the writer; whoever comes next waits outside.
const QUEUE: usize = 1024;

/// Most requests in one transaction.
const GROUP: usize = 512;

/// A commit that took longer is logged.
const SLOW_COMMIT: Duration = Duration::from_secs(1);

type Tags = Vec<Option<ETag>>;
type Rows<'transaction> = Table<'transaction, &'static [u8], &'static [u8]>;

/// One row's part of a request.
pub(super) struct Change {
    key: Vec<u8>,
    partition: String,
    row: String,
    write: Write,
}

/// What is to be done with a row. What is stored is encoded before it is
/// queued, so that the one writer does not have to.
pub(super) enum Write {
    Insert(Vec<u8>),
    Replace(Vec<u8>, Condition),
    Merge(BTreeMap<String, Value>, Condition),
    Delete(Condition),
}

impl Write {
    pub(super) fn insert(row: &Row) -> Self {
        Self::Insert(encoding::encode(&row.properties))
    }

    pub(super) fn replace(row: &Row, condition: &Condition) -> Self {
        Self::Replace(encoding::encode(&row.properties), condition.clone())
    }

    pub(super) fn merge(row: &Row, condition: &Condition) -> Self {
        Self::Merge(row.properties.clone(), condition.clone())
    }
}

impl Change {
    pub(super) fn new(table: &str, partition: &str, row: &str, write: Write) -> Self {
        Self {
            key: encoding::key(table, partition, row),
            partition: partition.to_owned(),
            row: row.to_owned(),
            write,
        }
    }

    pub(super) fn from_operation(table: &str, operation: &Operation) -> Self {
        let (partition, row) = operation.keys();
        let write = match operation {
            Operation::Insert(row) => Write::insert(row),
            Operation::Replace(row, condition) => Write::replace(row, condition),
            Operation::Merge(row, condition) => Write::merge(row, condition),
            Operation::Delete { condition, .. } => Write::Delete(condition.clone()),
        };
        Self::new(table, partition, row, write)
    }
}

enum Work {
    CreateTable(String),
    Write(Vec<Change>),
}

struct Request {
    work: Work,
    answer: oneshot::Sender<Result<Tags, TableError>>,
}

/// The one thread that writes. Dropping this waits for what is queued.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(store: Arc<Store>, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let (queue, requests) = mpsc::channel(QUEUE);
        let thread = Builder::new()
            .name("tables-writer".to_owned())
            .spawn(move || run(&store, clock.as_ref(), requests))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Applies all of the changes or none; answers a version for each that
    /// leaves a row.
    pub(super) async fn write(&self, changes: Vec<Change>) -> Result<Tags, TableError> {
        self.request(Work::Write(changes)).await
    }

    pub(super) async fn create_table(&self, table: &str) -> Result<(), TableError> {
        let work = Work::CreateTable(table.to_ascii_lowercase());
        self.request(work).await.map(|_| ())
    }

    /// Whether the thread is there.
    pub(super) fn ping(&self) -> Result<(), TableError> {
        match &self.queue {
            Some(queue) if !queue.is_closed() => Ok(()),
            _ => Err(stopped()),
        }
    }

    async fn request(&self, work: Work) -> Result<Tags, TableError> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        let request = Request { work, answer };
        queue.send(request).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the tables had ended by a panic");
        }
    }
}

fn stopped() -> TableError {
    TableError::unavailable("the writer of the tables has stopped")
}

fn run(store: &Store, clock: &dyn Clock, mut requests: mpsc::Receiver<Request>) {
    let mut last_etag = store.last_etag;
    let mut group = Vec::with_capacity(GROUP);
    while requests.blocking_recv_many(&mut group, GROUP) > 0 {
        let started = clock.monotonic();
        let count = group.len();
        let (works, answers): (Vec<Work>, Vec<_>) = group
            .drain(..)
            .map(|request| (request.work, request.answer))
            .unzip();
        let results = commit(store, &mut last_etag, works);
        for (answer, result) in answers.into_iter().zip(results) {
            // Whoever asked may have gone; the write stands.
            let _ = answer.send(result);
        }
        let took = clock.monotonic().saturating_sub(started);
        if took > SLOW_COMMIT {
            tracing::warn!(count, took_ms = took.as_millis(), "a commit was slow");
        }
    }
}

/// Applies a group of requests in one transaction and answers each.
fn commit(store: &Store, last_etag: &mut u64, works: Vec<Work>) -> Vec<Result<Tags, TableError>> {
    let count = works.len();
    let mut next_etag = *last_etag;
    match transact(store, &mut next_etag, works) {
        Ok((results, made)) => {
            *last_etag = next_etag;
            for table in made {
                store.table_was_made(table);
            }
            results
        }
        Err(error) => {
            let error = Arc::new(error);
            std::iter::repeat_with(|| Err(failed(&error)))
                .take(count)
                .collect()
        }
    }
}

/// The same failure for each request of the group.
fn failed(error: &Arc<redb::Error>) -> TableError {
    TableError::unavailable_because(
        "the file of the tables cannot be written",
        Arc::clone(error),
    )
}

type Transacted = (Vec<Result<Tags, TableError>>, Vec<String>);

fn transact(
    store: &Store,
    last_etag: &mut u64,
    works: Vec<Work>,
) -> Result<Transacted, redb::Error> {
    let mut results = Vec::with_capacity(works.len());
    let mut made = Vec::new();
    let transaction = store.database.begin_write()?;
    {
        let mut rows = transaction.open_table(ROWS)?;
        for work in works {
            results.push(match work {
                Work::Write(changes) => apply(&mut rows, last_etag, changes)?,
                Work::CreateTable(table) => {
                    transaction.open_table(TABLES)?.insert(&*table, ())?;
                    made.push(table);
                    Ok(Vec::new())
                }
            });
        }
        transaction
            .open_table(META)?
            .insert(LAST_ETAG, *last_etag)?;
    }
    transaction.commit()?;
    Ok((results, made))
}

/// Applies one request: all conditions are looked at before anything is
/// written, so that a request is applied in full or not at all. The outer
/// error ends the whole transaction, the inner one is this request's own.
fn apply(
    rows: &mut Rows<'_>,
    last_etag: &mut u64,
    changes: Vec<Change>,
) -> Result<Result<Tags, TableError>, redb::Error> {
    let mut outcomes = Vec::with_capacity(changes.len());
    for change in changes {
        let decided = {
            let stored = rows.get(change.key.as_slice())?;
            decide(&change, stored.as_ref().map(redb::AccessGuard::value))
        };
        match decided {
            Ok(properties) => outcomes.push((change.key, properties)),
            Err(error) => return Ok(Err(error)),
        }
    }
    let mut tags = Vec::with_capacity(outcomes.len());
    for (key, properties) in outcomes {
        if let Some(properties) = properties {
            *last_etag += 1;
            let mut stored = last_etag.to_le_bytes().to_vec();
            stored.extend(properties);
            rows.insert(key.as_slice(), stored.as_slice())?;
            tags.push(Some(encoding::etag(*last_etag)));
        } else {
            rows.remove(key.as_slice())?;
            tags.push(None);
        }
    }
    Ok(Ok(tags))
}

/// What is to be stored, `None` for nothing, given what is stored now.
fn decide(change: &Change, stored: Option<&[u8]>) -> Result<Option<Vec<u8>>, TableError> {
    match &change.write {
        Write::Insert(_) if stored.is_some() => Err(TableError::AlreadyExists),
        Write::Insert(properties) => Ok(Some(properties.clone())),
        Write::Replace(properties, condition) => {
            check(condition, stored)?;
            Ok(Some(properties.clone()))
        }
        Write::Merge(properties, condition) => {
            check(condition, stored)?;
            let mut row = match stored {
                Some(stored) => encoding::decode(&change.partition, &change.row, stored)?,
                None => Row::new(change.partition.clone(), change.row.clone()),
            };
            row.properties.extend(properties.clone());
            validate::row(&row)?;
            Ok(Some(encoding::encode(&row.properties)))
        }
        Write::Delete(condition) => check(condition, stored).map(|()| None),
    }
}

fn check(condition: &Condition, stored: Option<&[u8]>) -> Result<(), TableError> {
    match (condition, stored) {
        (Condition::None, _) | (Condition::Exists, Some(_)) => Ok(()),
        (Condition::Exists | Condition::Matches(_), None) => Err(TableError::NotFound),
        (Condition::Matches(etag), Some(stored)) => {
            if encoding::etag(encoding::version(stored)?) == *etag {
                Ok(())
            } else {
                Err(TableError::PreconditionFailed)
            }
        }
    }
}
