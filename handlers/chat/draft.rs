//! An answer as it comes in.

use entrada_foundry::Usage;
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::events::Ask;
use super::ledger::Ending;
use super::message::{Message, Role, Status, StoredMessage};

/// UTF-16 units of an answer: with two bytes each, what leaves room for the
/// rest of a row of 1 MiB.
const UNITS: usize = 450_000;
/// What an agent may ask in one answer.
const ASKS: usize = 16;
/// Longest reason or code of the service's that is passed on.
const REASON: usize = 64;
/// Longest id of the service's that is kept, in bytes.
const ID: usize = 512;

/// An answer as it comes in.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) stored: StoredMessage,
    pub(super) asks: Vec<Ask>,
    units: usize,
    /// Whether text was added by whoever holds it.
    has_grown: bool,
    conversation: Option<String>,
}

impl Draft {
    /// Nothing yet.
    pub(super) fn new(
        id: Uuid,
        session_id: Uuid,
        number: i64,
        turn: Uuid,
        now: OffsetDateTime,
    ) -> Self {
        Self {
            stored: StoredMessage {
                message: Message {
                    id,
                    session_id,
                    role: Role::Assistant,
                    content: String::new(),
                    status: Status::InProgress,
                    metadata: serde_json::Map::new(),
                    created_at: now,
                },
                number,
                turn,
                response_id: None,
                sequence: 0,
                asks: None,
            },
            asks: Vec::new(),
            units: 0,
            has_grown: false,
            conversation: None,
        }
    }

    /// What another instance left, to be gone on with by `turn`.
    pub(super) fn resumed(mut stored: StoredMessage, asks: Vec<Ask>, turn: Uuid) -> Self {
        stored.turn = turn;
        stored.message.status = Status::InProgress;
        stored.message.metadata.remove("reason");
        Self {
            units: stored.message.content.encode_utf16().count(),
            stored,
            asks,
            has_grown: false,
            conversation: None,
        }
    }

    /// Bytes of text that are there.
    pub(super) fn length(&self) -> usize {
        self.stored.message.content.len()
    }

    /// Adds text; `false` when the answer is full, and then nothing is added.
    pub(super) fn append(&mut self, text: &str) -> bool {
        let units = self.units + text.encode_utf16().count();
        if units > UNITS {
            return false;
        }
        self.units = units;
        self.has_grown = true;
        self.stored.message.content.push_str(text);
        true
    }

    /// What of the whole answer is not there yet. `None` where the whole goes
    /// another way than what is there.
    pub(super) fn rest_of<'w>(&self, whole: &'w str) -> Option<&'w str> {
        whole.strip_prefix(self.stored.message.content.as_str())
    }

    /// Takes the whole answer for what another instance left, unless it has
    /// been gone on with piece by piece.
    pub(super) fn replace_left(&mut self, whole: String) {
        let units = whole.encode_utf16().count();
        if !self.has_grown && units <= UNITS {
            self.units = units;
            self.stored.message.content = whole;
        }
    }

    /// Notes what the agent asks; what is beyond a sane number is left out.
    /// `false` when it is noted already: a response that is read on says at its
    /// end once more what it asked before.
    pub(super) fn ask(&mut self, ask: Ask) -> bool {
        if self.asks.iter().any(|noted| noted.id() == ask.id()) {
            return false;
        }
        if self.asks.len() < ASKS {
            self.asks.push(ask);
        }
        true
    }

    /// Notes the response and its conversation.
    pub(super) fn created(&mut self, response_id: String, conversation: Option<String>) {
        self.stored.response_id = Some(response_id).filter(is_sane);
        self.conversation = conversation.filter(is_sane).or(self.conversation.take());
    }

    /// The agent has ended its answer. What it asked leaves it incomplete,
    /// however the service calls that.
    pub(super) fn complete(&mut self, response_id: String, usage: Option<Usage>) -> Ending {
        self.stored.response_id = Some(response_id).filter(is_sane);
        if let Some(usage) = usage {
            let usage = json!({
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
                "total_tokens": usage.total_tokens,
            });
            self.stored
                .message
                .metadata
                .insert("usage".to_owned(), usage);
        }
        match self.asked() {
            None => self.stored.message.status = Status::Completed,
            Some(reason) => self.stop(reason),
        }
        Ending {
            response_id: self.stored.response_id.clone(),
            conversation: self.conversation.clone(),
            approvals: Some(self.approvals()),
        }
    }

    /// The agent ended early. What it asked can still be answered.
    pub(super) fn cut_short(&mut self, response_id: String, reason: &str) -> Ending {
        if self.asks.is_empty() {
            self.stop(plain(reason));
            return Ending::default();
        }
        self.complete(response_id, None)
    }

    /// The answer ends here.
    pub(super) fn stop(&mut self, reason: &str) {
        self.stored.message.status = Status::Incomplete;
        self.note(reason);
    }

    /// The agent failed.
    pub(super) fn fail(&mut self, code: Option<&str>) {
        self.stored.message.status = Status::Failed;
        self.note(code.map_or("failed", plain));
    }

    fn note(&mut self, reason: &str) {
        self.stored
            .message
            .metadata
            .insert("reason".to_owned(), reason.into());
    }

    fn asked(&self) -> Option<&'static str> {
        self.asks.first().map(|ask| match ask {
            Ask::Consent { .. } => "consent_required",
            Ask::Approval { .. } => "approval_required",
        })
    }

    fn approvals(&self) -> Vec<String> {
        self.asks
            .iter()
            .filter_map(|ask| match ask {
                Ask::Approval { id, .. } => Some(id.clone()),
                Ask::Consent { .. } => None,
            })
            .filter(is_sane)
            .collect()
    }
}

/// Whether an id of the service's can be kept: a list of them has spaces in
/// between, and is one property.
#[expect(clippy::ptr_arg, reason = "it filters an `Option<String>`")]
fn is_sane(id: &String) -> bool {
    (1..=ID).contains(&id.len()) && !id.contains(char::is_whitespace)
}

/// A reason of the service's, if it looks like one.
fn plain(reason: &str) -> &str {
    let sound = reason.len() <= REASON
        && reason
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if sound { reason } else { "other" }
}
