//! Sessions and messages in storage. Both lie in one table and in the
//! person's own partition, so that a message and its session are written in
//! one batch, and nobody else's are ever looked at.

use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_tables::{Condition, Operation, Query, Row, RowRange, TableError, Tables};
use time::OffsetDateTime;
use uuid::Uuid;

use super::message::{self, StoredMessage};
use super::session::{self, Session, StoredSession};
use crate::error::chain;
use crate::identity::UserPartition;

/// The table of sessions and messages.
pub const TABLE: &str = "entradachat";

/// Attempts at a change that others keep coming in between of.
const ATTEMPTS: usize = 5;
/// Rows deleted in one batch, by the service's rule.
const BATCH: u32 = 100;
/// Messages read at once: their text may be long.
const MESSAGES_AT_ONCE: u32 = 20;
/// Bytes of text after which a page of messages ends, however few they are.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// One page of a list, and where the next one begins.
#[derive(Debug)]
pub(super) struct Listed<T, C> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<C>,
}

/// Sessions and messages.
#[derive(Debug)]
pub(super) struct SessionStore {
    pub(super) tables: Arc<dyn Tables>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

impl SessionStore {
    /// The present moment in whole milliseconds: as fine as the ids, and kept
    /// by storage as it is.
    pub(super) fn now(&self) -> OffsetDateTime {
        let now = self.clock.now();
        now.replace_millisecond(now.millisecond()).unwrap_or(now)
    }

    /// Makes a session: one write.
    pub(super) async fn create(
        &self,
        partition: &UserPartition,
        agent_id: &str,
        title: Option<String>,
    ) -> Result<Session, TableError> {
        let now = self.now();
        let session = Session {
            id: self.random.uuid_v7(now),
            agent_id: agent_id.to_owned(),
            title,
            created_at: now,
            updated_at: now,
        };
        let row = StoredSession::new(session.clone()).to_row(partition);
        self.tables.insert(TABLE, &row).await?;
        Ok(session)
    }

    /// A session of the person; `None` when there is none: one read.
    pub(super) async fn find(
        &self,
        partition: &UserPartition,
        id: Uuid,
    ) -> Result<Option<StoredSession>, TableError> {
        let found = self.find_even_deleted(partition, id).await?;
        Ok(found.filter(|session| !session.deleting))
    }

    async fn find_even_deleted(
        &self,
        partition: &UserPartition,
        id: Uuid,
    ) -> Result<Option<StoredSession>, TableError> {
        let row = self
            .tables
            .get(TABLE, partition.as_str(), &session::row_key(id))
            .await?;
        row.map(|row| StoredSession::from_row(&row)).transpose()
    }

    /// The person's sessions, newest first, after the one called `after`.
    /// Finishes one deletion that was cut off, if it comes by one.
    pub(super) async fn list(
        &self,
        partition: &UserPartition,
        limit: usize,
        after: Option<Uuid>,
    ) -> Result<Listed<Session, Uuid>, TableError> {
        let from = match after {
            // The first key after that of `after`.
            Some(id) => format!("{}!", session::row_key(id)),
            None => session::PREFIX.to_owned(),
        };
        let mut query = Query::partition(partition.as_str())
            .rows(RowRange::Between {
                from: Some(from),
                // A full stop comes right after the hyphen of the prefix.
                to: Some("session.".to_owned()),
            })
            .limit(u32::try_from(limit + 1).unwrap_or(BATCH));
        let mut items = Vec::new();
        let mut cut_off = None;
        loop {
            let page = self.tables.query(TABLE, &query).await?;
            for row in &page.rows {
                let stored = StoredSession::from_row(row)?;
                if stored.deleting {
                    cut_off = Some(stored.session.id);
                } else {
                    items.push(stored.session);
                }
            }
            match page.continuation {
                Some(continuation) if items.len() <= limit => query = query.after(continuation),
                _ => break,
            }
        }
        if let Some(id) = cut_off
            && let Err(error) = self.remove(partition, id).await
        {
            tracing::debug!(error = chain(&error), "a deletion is still not finished");
        }
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|session| session.id);
        Ok(Listed { items, next })
    }

    /// A session's messages, oldest first, from the number `from` on.
    pub(super) async fn messages(
        &self,
        partition: &UserPartition,
        session_id: Uuid,
        limit: usize,
        from: i64,
    ) -> Result<Listed<StoredMessage, i64>, TableError> {
        let prefix = message::prefix(session_id);
        let mut query = Query::partition(partition.as_str())
            .rows(RowRange::Between {
                from: Some(message::row_key(session_id, from)),
                // A colon comes right after the digits.
                to: Some(format!("{prefix}:")),
            })
            .limit(MESSAGES_AT_ONCE);
        let mut items: Vec<StoredMessage> = Vec::new();
        let mut bytes = 0;
        loop {
            let page = self.tables.query(TABLE, &query).await?;
            for row in &page.rows {
                let stored = StoredMessage::from_row(row)?;
                bytes += stored.message.content.len();
                let full = items.len() == limit || bytes > PAGE_BYTES;
                if full && !items.is_empty() {
                    let next = Some(stored.number);
                    return Ok(Listed { items, next });
                }
                items.push(stored);
            }
            match page.continuation {
                Some(continuation) => query = query.after(continuation),
                None => return Ok(Listed { items, next: None }),
            }
        }
    }

    /// One message by its number.
    pub(super) async fn message(
        &self,
        partition: &UserPartition,
        session_id: Uuid,
        number: i64,
    ) -> Result<Option<StoredMessage>, TableError> {
        let key = message::row_key(session_id, number);
        let row = self.tables.get(TABLE, partition.as_str(), &key).await?;
        row.map(|row| StoredMessage::from_row(&row)).transpose()
    }

    /// Gives a session another title; `None` when there is no session.
    pub(super) async fn rename(
        &self,
        partition: &UserPartition,
        id: Uuid,
        title: &str,
    ) -> Result<Option<Session>, TableError> {
        for _ in 0..ATTEMPTS {
            let Some(mut stored) = self.find(partition, id).await? else {
                return Ok(None);
            };
            stored.session.title = Some(title.to_owned());
            stored.session.updated_at = self.now();
            let patch = Row::new(partition.as_str(), session::row_key(id))
                .with("title", title)
                .with("updated_at", stored.session.updated_at);
            match self.merge_as_seen(&patch, &stored).await {
                Err(TableError::PreconditionFailed | TableError::NotFound) => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(Some(stored.session)),
            }
        }
        Err(TableError::PreconditionFailed)
    }

    async fn merge_as_seen(&self, patch: &Row, seen: &StoredSession) -> Result<(), TableError> {
        let condition = condition(seen);
        self.tables.merge(TABLE, patch, &condition).await.map(drop)
    }

    /// Deletes a session and its messages; `false` when there is none.
    ///
    /// First the session is marked: from then on it is hidden, and a turn
    /// that is under way can write nothing more. The mark goes last, so what
    /// is cut off in between is finished by the next call, or by a list that
    /// comes by it.
    pub(super) async fn delete(
        &self,
        partition: &UserPartition,
        id: Uuid,
    ) -> Result<bool, TableError> {
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.find_even_deleted(partition, id).await? else {
                return Ok(false);
            };
            let marked = if stored.deleting {
                Ok(())
            } else {
                let patch =
                    Row::new(partition.as_str(), session::row_key(id)).with("deleting", true);
                self.merge_as_seen(&patch, &stored).await
            };
            match marked {
                Err(TableError::PreconditionFailed | TableError::NotFound) => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    self.remove(partition, id).await?;
                    return Ok(true);
                }
            }
        }
        Err(TableError::PreconditionFailed)
    }

    /// Removes what a marked session consists of.
    async fn remove(&self, partition: &UserPartition, id: Uuid) -> Result<(), TableError> {
        let mut query = Query::partition(partition.as_str())
            .prefix(message::prefix(id))
            .select(["number"])
            .limit(BATCH);
        loop {
            let page = self.tables.query(TABLE, &query).await?;
            let deletions: Vec<_> = page
                .rows
                .iter()
                .map(|row| Operation::Delete {
                    partition: row.partition.clone(),
                    row: row.row.clone(),
                    condition: Condition::None,
                })
                .collect();
            self.tables.batch(TABLE, &deletions).await?;
            match page.continuation {
                Some(continuation) => query = query.after(continuation),
                None => break,
            }
        }
        self.tables
            .delete(
                TABLE,
                partition.as_str(),
                &session::row_key(id),
                &Condition::None,
            )
            .await
    }
}

/// That the session is still as it was seen.
pub(super) fn condition(seen: &StoredSession) -> Condition {
    seen.etag
        .clone()
        .map_or(Condition::Exists, Condition::Matches)
}
