//! What a turn writes. Every message is written in one batch with its
//! session, on the condition that the turn still holds the session's lease:
//! so one turn at a time writes, and none into a session that was deleted.

use std::sync::Arc;

use entrada_tables::{Condition, ETag, Operation, Row, TableError};
use thiserror::Error;
use uuid::Uuid;

use super::message::StoredMessage;
use super::session::{self, Lease, StoredSession};
use super::store::{SessionStore, TABLE, condition};
use crate::identity::UserPartition;

/// How long a turn holds its session without being renewed, in seconds: how
/// long a session is blocked when an instance dies.
pub(super) const LEASE: i64 = 60;

/// Attempts at a write that a new title or the like came in between of.
const ATTEMPTS: usize = 5;

/// Why a turn cannot write.
#[derive(Debug, Error)]
pub(super) enum LedgerError {
    /// Another turn is under way in the session.
    #[error("another turn is under way")]
    Busy,
    /// The agent does not wait for the approval that the person gives.
    #[error("the approval is not pending")]
    NotPending,
    /// The session was deleted, or another turn has taken its place.
    #[error("the session is not this turn's any more")]
    Lost,
    /// Storage failed.
    #[error("storage failed")]
    Storage(#[from] TableError),
}

/// How a turn leaves its session.
#[derive(Debug, Default, Clone)]
pub(super) struct Ending {
    /// The response to follow up next time; none keeps the one before.
    pub(super) response_id: Option<String>,
    /// The agent's conversation.
    pub(super) conversation: Option<String>,
    /// Approval requests that wait for an answer; none keeps those before.
    pub(super) approvals: Option<Vec<String>>,
}

/// A turn's hold on its session.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    store: Arc<SessionStore>,
    partition: UserPartition,
    session_id: Uuid,
    turn: Uuid,
    etag: Option<ETag>,
}

impl Ledger {
    /// Begins a turn: takes the lease and stores the person's message, which
    /// `message` makes from the session and the turn. One batch. Another turn
    /// may have come in between: the session is given back as it was when
    /// this one began.
    ///
    /// # Errors
    /// [`LedgerError`], or why `message` makes none.
    pub(super) async fn begin(
        store: Arc<SessionStore>,
        partition: UserPartition,
        mut seen: StoredSession,
        message: impl Fn(&StoredSession, Uuid) -> Result<StoredMessage, LedgerError> + Send,
    ) -> Result<(Self, StoredSession, StoredMessage), LedgerError> {
        let turn = store.random.uuid_v4();
        for _ in 0..ATTEMPTS {
            if seen.lease.holds(store.clock.unix()) {
                return Err(LedgerError::Busy);
            }
            let message = message(&seen, turn)?;
            let patch = Self::lease_patch(&store, &partition, seen.session.id, turn)
                // The answer takes the number after it.
                .with("next_message", seen.next_message + 2);
            let operations = [
                Operation::Insert(message.to_row(&partition)),
                Operation::Merge(patch, condition(&seen)),
            ];
            match store.tables.batch(TABLE, &operations).await {
                Ok(etags) => {
                    let ledger = Self {
                        store,
                        partition,
                        session_id: seen.session.id,
                        turn,
                        etag: etags.last().cloned().flatten(),
                    };
                    return Ok((ledger, seen, message));
                }
                Err(
                    TableError::PreconditionFailed
                    | TableError::NotFound
                    | TableError::AlreadyExists,
                ) => {
                    let found = store.find(&partition, seen.session.id).await?;
                    seen = found.ok_or(LedgerError::Lost)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(LedgerError::Busy)
    }

    /// Takes over the turn of an instance that is gone.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] when somebody else did.
    pub(super) async fn take_over(
        store: Arc<SessionStore>,
        partition: UserPartition,
        seen: &StoredSession,
    ) -> Result<Self, LedgerError> {
        if seen.lease.holds(store.clock.unix()) {
            return Err(LedgerError::Busy);
        }
        let turn = store.random.uuid_v4();
        let patch = Self::lease_patch(&store, &partition, seen.session.id, turn);
        match store.tables.merge(TABLE, &patch, &condition(seen)).await {
            Ok(etag) => Ok(Self {
                store,
                partition,
                session_id: seen.session.id,
                turn,
                etag: Some(etag),
            }),
            Err(TableError::PreconditionFailed | TableError::NotFound) => Err(LedgerError::Busy),
            Err(error) => Err(error.into()),
        }
    }

    fn lease_patch(
        store: &SessionStore,
        partition: &UserPartition,
        session_id: Uuid,
        turn: Uuid,
    ) -> Row {
        Row::new(partition.as_str(), session::row_key(session_id))
            .with("lease_turn", turn)
            .with("lease_until", store.clock.unix() + LEASE)
            .with("updated_at", store.now())
    }

    /// The turn.
    pub(super) fn turn(&self) -> Uuid {
        self.turn
    }

    /// Stores what is there of the answer, if it is new, and renews the
    /// lease. One batch.
    ///
    /// # Errors
    /// [`LedgerError::Lost`], or when storage does not take it.
    pub(super) async fn save(
        &mut self,
        message: Option<&StoredMessage>,
    ) -> Result<(), LedgerError> {
        let patch = Self::lease_patch(&self.store, &self.partition, self.session_id, self.turn);
        self.write(message, patch).await
    }

    /// Stores the last word on a message and lets the session go. One batch.
    ///
    /// # Errors
    /// As for [`Ledger::save`].
    pub(super) async fn finish(
        &mut self,
        message: &StoredMessage,
        ending: &Ending,
    ) -> Result<(), LedgerError> {
        let patch = Row::new(self.partition.as_str(), session::row_key(self.session_id))
            .with("lease_until", 0_i64)
            .with("updated_at", self.store.now())
            .with_optional("response_id", ending.response_id.clone())
            .with_optional("conversation", ending.conversation.clone())
            .with_optional(
                "approvals",
                ending.approvals.as_ref().map(|ids| ids.join(" ")),
            );
        self.write(Some(message), patch).await
    }

    async fn write(
        &mut self,
        message: Option<&StoredMessage>,
        patch: Row,
    ) -> Result<(), LedgerError> {
        for _ in 0..ATTEMPTS {
            let condition = self
                .etag
                .clone()
                .map_or(Condition::Exists, Condition::Matches);
            let mut operations: Vec<_> = message
                .map(|message| Operation::Replace(message.to_row(&self.partition), Condition::None))
                .into_iter()
                .collect();
            operations.push(Operation::Merge(patch.clone(), condition));
            match self.store.tables.batch(TABLE, &operations).await {
                Ok(etags) => {
                    self.etag = etags.last().cloned().flatten();
                    return Ok(());
                }
                Err(TableError::PreconditionFailed | TableError::NotFound) => {
                    self.look_again().await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(TableError::PreconditionFailed.into())
    }

    /// The session was changed by somebody else: a new title leaves it ours.
    async fn look_again(&mut self) -> Result<(), LedgerError> {
        let found = self.store.find(&self.partition, self.session_id).await?;
        match found {
            Some(StoredSession {
                lease: Lease { turn, .. },
                etag,
                ..
            }) if turn == self.turn => {
                self.etag = etag;
                Ok(())
            }
            _ => Err(LedgerError::Lost),
        }
    }
}
