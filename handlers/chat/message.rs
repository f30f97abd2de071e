//! A message and its row.

use entrada_tables::{Row, TableError};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use super::session::Lease;
use crate::identity::UserPartition;

/// Why an answer is incomplete that can be gone on with.
pub(super) const INTERRUPTED: &str = "interrupted";

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// The agent.
    Assistant,
}

/// How far a message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is whole.
    Completed,
    /// It is being written right now.
    InProgress,
    /// It ends where the answer broke off, or where the agent waits for the
    /// person.
    Incomplete,
    /// The agent failed, or the message did not reach it.
    Failed,
}

impl Status {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Completed, "completed"),
        (Self::InProgress, "in_progress"),
        (Self::Incomplete, "incomplete"),
        (Self::Failed, "failed"),
    ];

    fn text(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|(status, _)| *status == self)
            .map_or("failed", |(_, text)| text)
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|(_, name)| *name == text)
            .map(|(status, _)| status)
    }
}

/// A message of a session. Its `Debug` shows no text of people.
#[derive(Clone, PartialEq, Serialize, JsonSchema)]
pub struct Message {
    /// Its id.
    pub id: Uuid,
    /// The session.
    pub session_id: Uuid,
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
    /// How far it has come.
    pub status: Status,
    /// The client's own, or what is known about an answer: `reason` when it
    /// is incomplete, `usage` in tokens.
    pub metadata: Map<String, Value>,
    /// When it was begun.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: OffsetDateTime,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Message")
            .field("id", &self.id)
            .field("role", &self.role)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// A message as it is stored.
#[derive(Debug, Clone)]
pub(super) struct StoredMessage {
    pub(super) message: Message,
    /// Its number in the session, from 0.
    pub(super) number: i64,
    /// The turn that writes it.
    pub(super) turn: Uuid,
    /// The agent's response, to go on reading it from `sequence`.
    pub(super) response_id: Option<String>,
    /// The number of the response's event up to which `content` goes.
    pub(super) sequence: i64,
    /// What the agent asked of the person, sealed: consent links are secret.
    pub(super) asks: Option<Vec<u8>>,
}

/// The prefix of the row keys of a session's messages.
pub(super) fn prefix(session_id: Uuid) -> String {
    format!("message-{}-", session_id.simple())
}

/// The row key of a message. Numbered, so that the order of messages does not
/// hang on clocks.
pub(super) fn row_key(session_id: Uuid, number: i64) -> String {
    format!("{}{number:012}", prefix(session_id))
}

impl StoredMessage {
    pub(super) fn to_row(&self, partition: &UserPartition) -> Row {
        let message = &self.message;
        let metadata = serde_json::to_string(&message.metadata).unwrap_or_default();
        let role = match message.role {
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        Row::new(partition.as_str(), row_key(message.session_id, self.number))
            .with("id", message.id)
            .with("session_id", message.session_id)
            .with("role", role)
            .with_long_text("content", &message.content)
            .with("status", message.status.text())
            .with_long_text("metadata", &metadata)
            .with("created_at", message.created_at)
            .with("number", self.number)
            .with("turn", self.turn)
            .with_optional("response_id", self.response_id.clone())
            .with("sequence", self.sequence)
            .with_optional("asks", self.asks.clone())
    }

    pub(super) fn from_row(row: &Row) -> Result<Self, TableError> {
        let unknown = |what: &str| TableError::Invalid {
            reason: format!("a message's {what} is not one that this version knows"),
        };
        let role = match row.text("role")? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            _ => return Err(unknown("role")),
        };
        let metadata = row.long_text("metadata")?.unwrap_or_default();
        Ok(Self {
            message: Message {
                id: row.guid("id")?,
                session_id: row.guid("session_id")?,
                role,
                content: row.long_text("content")?.unwrap_or_default(),
                status: Status::parse(row.text("status")?).ok_or_else(|| unknown("status"))?,
                metadata: serde_json::from_str(&metadata).map_err(|_| unknown("metadata"))?,
                created_at: row.datetime("created_at")?,
            },
            number: row.int64("number")?,
            turn: row.guid("turn")?,
            response_id: row.optional_text("response_id")?.map(str::to_owned),
            sequence: row.int64("sequence")?,
            asks: row.optional_binary("asks")?.map(<[u8]>::to_vec),
        })
    }

    /// The number of the last event of the response that was stored.
    pub(super) fn sequence(&self) -> u64 {
        u64::try_from(self.sequence).unwrap_or_default()
    }

    /// Whether some instance is writing the message.
    pub(super) fn is_being_written(&self, lease: Lease, now: i64) -> bool {
        let holds = lease.turn == self.turn && lease.holds(now);
        self.message.status == Status::InProgress && holds
    }

    /// Whether nobody writes the message any more although it is not
    /// finished: its instance ended, or another turn began.
    pub(super) fn is_abandoned(&self, lease: Lease, now: i64) -> bool {
        self.message.status == Status::InProgress && !self.is_being_written(lease, now)
    }

    /// The message as it is shown: one that was abandoned is incomplete.
    pub(super) fn shown(mut self, lease: Lease, now: i64) -> Message {
        if self.is_abandoned(lease, now) {
            self.message.status = Status::Incomplete;
            self.message
                .metadata
                .insert("reason".to_owned(), INTERRUPTED.into());
        }
        self.message
    }
}
