use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::consent::ConsentHosts;
use crate::error::FoundryError;
use crate::event::{ResponseEvent, Sequenced};
use crate::refusal::plain_code;
use crate::wire::{
    self, Envelope, ItemEvent, RefusalDone, ResponseCarrier, TextDelta, ToolProgress,
};

/// Most items of one response that are told apart.
const ITEMS: usize = 4096;

type Outcome = Result<Sequenced<ResponseEvent>, FoundryError>;

/// Turns the service's events into ours. Does no I/O.
///
/// Nothing depends on the order of events beyond this: a terminal event is the
/// last. What cannot be dropped without loss (a delta without text, an event
/// that is not JSON) is an error; what is merely unknown is ignored.
pub(crate) struct Translator {
    consent_hosts: Arc<ConsentHosts>,
    queue: VecDeque<Outcome>,
    finished: bool,
    response_id: Option<String>,
    created: bool,
    starting_after: Option<u64>,
    last_number: Option<u64>,
    started: HashSet<String>,
    completed: HashSet<String>,
    asked: HashSet<String>,
    /// Consent items whose link was refused and not followed by a good one.
    refused: HashSet<String>,
}

impl Translator {
    /// For a stream from its beginning.
    pub(crate) fn new(consent_hosts: Arc<ConsentHosts>) -> Self {
        Self {
            consent_hosts,
            queue: VecDeque::new(),
            finished: false,
            response_id: None,
            created: false,
            starting_after: None,
            last_number: None,
            started: HashSet::new(),
            completed: HashSet::new(),
            asked: HashSet::new(),
            refused: HashSet::new(),
        }
    }

    /// For a stream that continues after an event.
    pub(crate) fn resumed(
        consent_hosts: Arc<ConsentHosts>,
        response_id: &str,
        starting_after: Option<u64>,
    ) -> Self {
        Self {
            response_id: Some(response_id.to_owned()),
            created: starting_after.is_some(),
            starting_after,
            last_number: starting_after,
            ..Self::new(consent_hosts)
        }
    }

    /// The next event that is ready.
    pub(crate) fn next(&mut self) -> Option<Outcome> {
        self.queue.pop_front()
    }

    /// Whether the response has ended; what is ready may still be taken.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Takes one server-sent event: its name and data. `[DONE]`, which some
    /// servers send last, is no event of the API.
    pub(crate) fn accept(&mut self, name: &str, data: &str) {
        if self.finished || data == "[DONE]" {
            return;
        }
        let outcome = self.read(name, data);
        self.settle(outcome);
    }

    /// Takes a response that came as one JSON document.
    ///
    /// # Errors
    /// [`FoundryError::Unfinished`] for one that has not ended, and what
    /// cannot be read.
    pub(crate) fn accept_whole(&mut self, body: &[u8]) -> Result<(), FoundryError> {
        let response: Value =
            serde_json::from_slice(body).map_err(|_| protocol("an answer that is not JSON"))?;
        let kind = match wire::text(&response, "status") {
            Some("completed") => "response.completed",
            Some("incomplete") => "response.incomplete",
            Some("cancelled") => "response.cancelled",
            Some("failed") => "response.failed",
            Some("queued" | "in_progress") => return Err(FoundryError::Unfinished),
            _ => return Err(protocol("a response without a status")),
        };
        let mut events = Vec::new();
        self.end(kind, &response, &mut events)?;
        self.enqueue(events, 0);
        Ok(())
    }

    /// Ends the events with the error, if there is one.
    pub(crate) fn settle(&mut self, outcome: Result<(), FoundryError>) {
        if let Err(error) = outcome {
            self.queue.push_back(Err(error));
            self.finished = true;
        }
    }

    fn read(&mut self, name: &str, data: &str) -> Result<(), FoundryError> {
        let envelope: Envelope = parse(data)?;
        let number = match envelope.sequence_number {
            // A server that starts over although asked to go on.
            Some(number) if self.starting_after.is_some_and(|after| number <= after) => {
                return Ok(());
            }
            Some(number) => number,
            None => self.last_number.map_or(0, |last| last.saturating_add(1)),
        };
        self.last_number = Some(number);
        let kind = envelope.kind.as_deref().unwrap_or(name);
        let mut events = Vec::new();
        let outcome = self.translate(kind, data, &mut events);
        if [&self.started, &self.completed, &self.asked, &self.refused]
            .iter()
            .any(|items| items.len() > ITEMS)
        {
            return Err(protocol("a response of more than 4096 items"));
        }
        self.enqueue(events, number);
        outcome
    }

    fn enqueue(&mut self, events: Vec<ResponseEvent>, number: u64) {
        let mut left = events.len();
        for event in events {
            left -= 1;
            let sequence_number = if left == 0 {
                number
            } else {
                number.saturating_sub(1)
            };
            self.finished |= event.is_terminal();
            self.queue.push_back(Ok(Sequenced {
                sequence_number,
                event,
            }));
        }
    }

    fn translate(
        &mut self,
        kind: &str,
        data: &str,
        events: &mut Vec<ResponseEvent>,
    ) -> Result<(), FoundryError> {
        match kind {
            "response.output_text.delta" => {
                let TextDelta { delta } = parse(data)?;
                events.push(ResponseEvent::TextDelta { text: delta });
            }
            "response.created" | "response.queued" | "response.in_progress" => {
                let ResponseCarrier { response } = parse(data)?;
                self.created(&response, events);
            }
            "response.output_item.added" => {
                let ItemEvent { item } = parse(data)?;
                self.item(&item, false, events);
            }
            "response.output_item.done" => {
                let ItemEvent { item } = parse(data)?;
                self.item(&item, true, events);
            }
            "response.oauth_consent_requested" => self.consent(&parse(data)?, events),
            "response.refusal.done" => {
                let RefusalDone { refusal } = parse(data)?;
                events.push(ResponseEvent::Refusal { text: refusal });
            }
            "response.completed"
            | "response.incomplete"
            | "response.cancelled"
            | "response.failed" => {
                let ResponseCarrier { response } = parse(data)?;
                self.end(kind, &response, events)?;
            }
            "error" => events.push(failure(&parse(data)?)),
            _ => {
                if let Some(failed) = tool_outcome(kind) {
                    let ToolProgress { item_id } = parse(data)?;
                    self.tool_completed(&item_id, failed, events);
                }
            }
        }
        Ok(())
    }

    /// Whichever event brings the response first stands for its creation.
    fn created(&mut self, response: &Value, events: &mut Vec<ResponseEvent>) {
        let Some(response_id) = wire::owned(response, "id") else {
            return;
        };
        self.response_id = Some(response_id.clone());
        if !std::mem::replace(&mut self.created, true) {
            events.push(ResponseEvent::Created {
                response_id,
                conversation: wire::conversation(response),
            });
        }
    }

    fn item(&mut self, item: &Value, done: bool, events: &mut Vec<ResponseEvent>) {
        match wire::text(item, "type") {
            Some("oauth_consent_request") => self.consent(item, events),
            Some("mcp_approval_request") => self.approval(item, done, events),
            Some(item_type) => self.tool(item, item_type, done, events),
            None => {}
        }
    }

    fn tool(&mut self, item: &Value, item_type: &str, done: bool, events: &mut Vec<ResponseEvent>) {
        let (Some(kind), Some(id)) = (wire::tool_kind(item_type), wire::text(item, "id")) else {
            return;
        };
        // In a resumed stream the beginning may have been before the cut.
        let seen_before = done && self.starting_after.is_some();
        if self.started.insert(id.to_owned()) && !seen_before {
            events.push(ResponseEvent::ToolStarted {
                id: id.to_owned(),
                name: wire::text(item, "name").unwrap_or(item_type).to_owned(),
                server_label: wire::owned(item, "server_label"),
                kind,
            });
        }
        if done {
            self.tool_completed(id, wire::has_failed(item), events);
        }
    }

    /// The end of a call is told by an event of its own and by the item's.
    fn tool_completed(&mut self, id: &str, failed: bool, events: &mut Vec<ResponseEvent>) {
        if self.completed.insert(id.to_owned()) {
            events.push(ResponseEvent::ToolCompleted {
                id: id.to_owned(),
                failed,
            });
        }
    }

    /// A consent request in any of its shapes: an item that was added, one
    /// that is done, an event of its own, an entry of the final output.
    fn consent(&mut self, item: &Value, events: &mut Vec<ResponseEvent>) {
        let server_label = wire::owned(item, "server_label");
        let id = wire::owned(item, "id")
            .or_else(|| wire::owned(item, "item_id"))
            .or_else(|| server_label.clone())
            .unwrap_or_default();
        // An item may be added before it has its link.
        let Some(link) = wire::text(item, "consent_link") else {
            return;
        };
        if self.asked.contains(&id) {
            return;
        }
        let Some(link) = self.consent_hosts.check(link) else {
            tracing::warn!("dropped a consent link that is not https or not of an allowed host");
            self.refused.insert(id);
            return;
        };
        self.refused.remove(&id);
        self.asked.insert(id.clone());
        events.push(ResponseEvent::ConsentRequired {
            id,
            link,
            server_label,
            response_id: wire::owned(item, "response_id").or_else(|| self.response_id.clone()),
        });
    }

    fn approval(&mut self, item: &Value, done: bool, events: &mut Vec<ResponseEvent>) {
        let Some(id) = wire::owned(item, "id") else {
            return;
        };
        // An item may be added before it has its arguments.
        let arguments = match wire::arguments(item) {
            Some(arguments) => arguments,
            None if done => "{}".to_owned(),
            None => return,
        };
        if self.asked.insert(id.clone()) {
            events.push(ResponseEvent::ApprovalRequired {
                id,
                name: wire::owned(item, "name").unwrap_or_default(),
                arguments,
                server_label: wire::owned(item, "server_label"),
            });
        }
    }

    fn end(
        &mut self,
        kind: &str,
        response: &Value,
        events: &mut Vec<ResponseEvent>,
    ) -> Result<(), FoundryError> {
        self.created(response, events);
        if kind == "response.failed" {
            events.push(failure(response));
            return Ok(());
        }
        for item in wire::output(response) {
            match wire::text(item, "type") {
                Some("oauth_consent_request") => self.consent(item, events),
                Some("mcp_approval_request") => self.approval(item, true, events),
                _ => {}
            }
        }
        if !self.refused.is_empty() {
            return Err(FoundryError::ConsentLinkRefused);
        }
        let response_id = self
            .response_id
            .clone()
            .ok_or_else(|| protocol("a response without an id"))?;
        events.push(match kind {
            "response.completed" => ResponseEvent::Completed {
                response_id,
                text: wire::output_text(response),
                usage: wire::usage(response),
            },
            _ => ResponseEvent::Incomplete {
                response_id,
                reason: wire::incomplete_reason(kind, response),
            },
        });
        Ok(())
    }
}

/// The failure that a response or an `error` event tells of, in an `error`
/// member or its own members.
fn failure(value: &Value) -> ResponseEvent {
    let error = value
        .get("error")
        .filter(|error| error.is_object())
        .unwrap_or(value);
    let code = wire::text(error, "code").and_then(plain_code);
    tracing::warn!(code = code.as_deref(), "a Foundry response failed");
    ResponseEvent::Failed {
        code,
        message: wire::owned(error, "message").unwrap_or_default(),
    }
}

/// Whether `response.{tool}_call.{state}` is the end of a call, and if so
/// whether it failed.
fn tool_outcome(kind: &str) -> Option<bool> {
    let (call, state) = kind.strip_prefix("response.")?.split_once('.')?;
    wire::tool_kind(call)?;
    match state {
        "completed" => Some(false),
        "failed" => Some(true),
        _ => None,
    }
}

fn parse<T: DeserializeOwned>(data: &str) -> Result<T, FoundryError> {
    // The parser's own error quotes what it read.
    serde_json::from_str(data).map_err(|_| protocol("an event that cannot be read"))
}

fn protocol(reason: &'static str) -> FoundryError {
    FoundryError::Protocol { reason }
}
