//! A session and its row.

use entrada_tables::{ETag, Row, TableError};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::identity::UserPartition;

/// A conversation of one person with one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Session {
    /// A UUID of version 7: sessions sort by when they were made.
    pub id: Uuid,
    /// The agent.
    pub agent_id: String,
    /// What the person calls it.
    pub title: Option<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: OffsetDateTime,
    /// When something last happened in it.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub updated_at: OffsetDateTime,
}

/// The turn that is under way in a session, as a lease: one that was not
/// renewed in time has ended with its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    /// The turn.
    pub(super) turn: Uuid,
    /// Epoch seconds.
    pub(super) until: i64,
}

/// A session as it is stored.
#[derive(Debug, Clone)]
pub(super) struct StoredSession {
    pub(super) session: Session,
    pub(super) etag: Option<ETag>,
    pub(super) lease: Lease,
    /// The number of the next message.
    pub(super) next_message: i64,
    /// The agent's last response that can be followed up.
    pub(super) response_id: Option<String>,
    /// The agent's conversation.
    pub(super) conversation: Option<String>,
    /// Approval requests that wait for an answer.
    pub(super) approvals: Vec<String>,
    /// Whether it is being deleted, and hidden from everything else.
    pub(super) deleting: bool,
}

/// The prefix of the row keys of sessions.
pub(super) const PREFIX: &str = "session-";

/// The row key of a session: the id inverted, so that the newest comes first
/// and a session is still one point read away.
pub(super) fn row_key(id: Uuid) -> String {
    format!("{PREFIX}{:032x}", !id.as_u128())
}

fn id_of(row_key: &str) -> Option<Uuid> {
    let inverted = row_key.strip_prefix(PREFIX)?;
    u128::from_str_radix(inverted, 16)
        .ok()
        .map(|inverted| Uuid::from_u128(!inverted))
}

impl Lease {
    const NONE: Self = Self {
        turn: Uuid::nil(),
        until: 0,
    };

    /// Whether the turn is still under way at `now` (epoch seconds).
    pub(super) fn holds(self, now: i64) -> bool {
        self.until > now
    }
}

impl StoredSession {
    pub(super) fn new(session: Session) -> Self {
        Self {
            session,
            etag: None,
            lease: Lease::NONE,
            next_message: 0,
            response_id: None,
            conversation: None,
            approvals: Vec::new(),
            deleting: false,
        }
    }

    pub(super) fn to_row(&self, partition: &UserPartition) -> Row {
        Row::new(partition.as_str(), row_key(self.session.id))
            .with("agent_id", self.session.agent_id.clone())
            .with_optional("title", self.session.title.clone())
            .with("created_at", self.session.created_at)
            .with("updated_at", self.session.updated_at)
            .with("lease_turn", self.lease.turn)
            .with("lease_until", self.lease.until)
            .with("next_message", self.next_message)
            .with_optional("response_id", self.response_id.clone())
            .with_optional("conversation", self.conversation.clone())
            .with("approvals", self.approvals.join(" "))
            .with("deleting", self.deleting)
    }

    pub(super) fn from_row(row: &Row) -> Result<Self, TableError> {
        let optional = |name| Ok::<_, TableError>(row.optional_text(name)?.map(str::to_owned));
        let id = id_of(&row.row).ok_or_else(|| TableError::Invalid {
            reason: "a session's row key does not hold its id".to_owned(),
        })?;
        Ok(Self {
            session: Session {
                id,
                agent_id: row.text("agent_id")?.to_owned(),
                title: optional("title")?,
                created_at: row.datetime("created_at")?,
                updated_at: row.datetime("updated_at")?,
            },
            etag: row.etag.clone(),
            lease: Lease {
                turn: row.guid("lease_turn")?,
                until: row.int64("lease_until")?,
            },
            next_message: row.int64("next_message")?,
            response_id: optional("response_id")?,
            conversation: optional("conversation")?,
            approvals: row
                .text("approvals")?
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            deleting: row.boolean("deleting")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_session_has_a_smaller_row_key_that_gives_its_id_back() {
        let (old, new) = (Uuid::from_u128(1 << 100), Uuid::from_u128(2 << 100));
        assert!(row_key(new) < row_key(old));
        assert_eq!(id_of(&row_key(old)), Some(old));
        assert_eq!(id_of(&row_key(Uuid::max())), Some(Uuid::max()));
        assert_eq!(id_of("message-00"), None);
    }
}
