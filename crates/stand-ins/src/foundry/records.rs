use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::Foundry;
use super::shelf::Shelf;
use crate::encoding::lock;

/// Responses kept, and the bytes of their events in all.
const RESPONSES: usize = 2000;
const RESPONSE_BYTES: usize = 64 * 1024 * 1024;

/// Conversations kept, and the bytes of their items in all.
const CONVERSATIONS: usize = 2000;
const CONVERSATION_BYTES: usize = 32 * 1024 * 1024;

/// What is stored.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) responses: Shelf<Arc<Record>>,
    pub(super) conversations: Shelf<Conversation>,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            responses: Shelf::new(RESPONSES, RESPONSE_BYTES),
            conversations: Shelf::new(CONVERSATIONS, CONVERSATION_BYTES),
        }
    }
}

impl Records {
    /// Appends items to a conversation, if it is still there.
    pub(super) fn append(&mut self, conversation: &str, items: &[Value]) {
        let weight = items.iter().map(|item| item.to_string().len()).sum();
        self.conversations.grow(conversation, weight, |entry| {
            entry.items.extend_from_slice(items);
        });
    }
}

impl Foundry {
    /// Items as they are kept and given back: with ids of their own, and
    /// messages in full form.
    pub(super) fn kept(&self, items: &[Value]) -> Vec<Value> {
        items
            .iter()
            .filter_map(Value::as_object)
            .map(|item| {
                let mut item = item.clone();
                let is_message = item.get("type").is_none_or(|kind| kind == "message");
                let prefix = if is_message { "msg" } else { "item" };
                item.entry("id").or_insert_with(|| self.id(prefix).into());
                if is_message {
                    item.insert("type".to_owned(), "message".into());
                    item.insert("status".to_owned(), "completed".into());
                    let part = match item.get("content").and_then(Value::as_str) {
                        Some(text) if item.get("role") == Some(&json!("assistant")) => Some(
                            json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []}),
                        ),
                        text => text.map(|text| json!({"type": "input_text", "text": text})),
                    };
                    if let Some(part) = part {
                        item.insert("content".to_owned(), json!([part]));
                    }
                }
                Value::Object(item)
            })
            .collect()
    }
}

/// A conversation.
#[derive(Debug, Clone)]
pub(super) struct Conversation {
    pub(super) id: String,
    /// The agent at whose endpoint it was made.
    pub(super) agent: Option<&'static str>,
    pub(super) created_at: i64,
    pub(super) metadata: Map<String, Value>,
    pub(super) items: Vec<Value>,
}

/// An event to come: a pause, then its text as a server-sent event.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) pause: Duration,
    pub(super) frame: String,
}

/// A response: what it will be is known when it is made, what it is so far is
/// in [`Progress`].
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) agent: Option<&'static str>,
    pub(super) conversation: Option<String>,
    pub(super) input: Vec<Value>,
    /// How many turns came before, this one included.
    pub(super) turn: usize,
    /// Made in the background: goes on without a connection, can be streamed
    /// again and cancelled. Any other ends with its connection.
    pub(super) background: bool,
    progress: Mutex<Progress>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Progress {
    frames: Vec<String>,
    response: Value,
    ended: bool,
}

/// What a reader finds at a place in a response's events.
pub(super) enum Found {
    /// An event.
    Frame(String),
    /// Nothing yet.
    Later,
    /// Nothing any more.
    End,
}

/// What a record is made of.
pub(super) struct Parts {
    pub(super) id: String,
    pub(super) agent: Option<&'static str>,
    pub(super) conversation: Option<String>,
    pub(super) input: Vec<Value>,
    pub(super) turn: usize,
    pub(super) background: bool,
    /// The response as it stands at its beginning.
    pub(super) response: Value,
}

impl Record {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            id: parts.id,
            agent: parts.agent,
            conversation: parts.conversation,
            input: parts.input,
            turn: parts.turn,
            background: parts.background,
            progress: Mutex::new(Progress {
                frames: Vec::new(),
                response: parts.response,
                ended: false,
            }),
            changed: watch::Sender::new(()),
        }
    }

    /// The response as it stands.
    pub(super) fn response(&self) -> Value {
        lock(&self.progress).response.clone()
    }

    pub(super) fn has_ended(&self) -> bool {
        lock(&self.progress).ended
    }

    /// The event at `place`, which is its sequence number.
    pub(super) fn frame(&self, place: usize) -> Found {
        let progress = lock(&self.progress);
        match progress.frames.get(place) {
            Some(frame) => Found::Frame(frame.clone()),
            None if progress.ended => Found::End,
            None => Found::Later,
        }
    }

    /// Tells of every change from now on.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) {
        let mut changes = self.changes();
        while !self.has_ended() && changes.changed().await.is_ok() {}
    }

    /// Ends the response early, with a last event of its own. The documented
    /// events have none for it; that it is `response.incomplete` is inferred.
    pub(super) fn cancel(&self) {
        let mut progress = lock(&self.progress);
        if progress.ended {
            return;
        }
        if let Some(response) = progress.response.as_object_mut() {
            response.insert("status".to_owned(), "cancelled".into());
        }
        let number = progress.frames.len();
        let event = super::composer::frame(
            "response.incomplete",
            number,
            &json!({"response": progress.response}),
        );
        progress.frames.push(event);
        progress.ended = true;
        drop(progress);
        self.changed.send_replace(());
    }

    /// Lets an event happen; false when the response has been cancelled.
    fn push(&self, frame: String) -> bool {
        let mut progress = lock(&self.progress);
        if progress.ended {
            return false;
        }
        progress.frames.push(frame);
        drop(progress);
        self.changed.send_replace(());
        true
    }

    fn end(&self, response: Value) {
        let mut progress = lock(&self.progress);
        progress.response = response;
        progress.ended = true;
        drop(progress);
        self.changed.send_replace(());
    }
}

/// Lets a response happen, at its pace, until it ends or is cancelled.
pub(super) async fn run(
    foundry: Arc<Foundry>,
    record: Arc<Record>,
    steps: Vec<Step>,
    result: Value,
) {
    for step in steps {
        if !step.pause.is_zero() {
            tokio::time::sleep(step.pause).await;
        }
        if !record.push(step.frame) {
            return;
        }
    }
    if let (Some(conversation), Some(output)) = (
        &record.conversation,
        result.get("output").and_then(Value::as_array),
    ) {
        foundry.records().append(conversation, output);
    }
    record.end(result);
}
