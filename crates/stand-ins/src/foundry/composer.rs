use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Foundry;
use super::records::Step;

/// Writes the events of a response, in the order and form of the Responses
/// API's streams.
pub(super) struct Composer<'a> {
    foundry: &'a Foundry,
    response: Value,
    steps: Vec<Step>,
    output: Vec<Value>,
    words: usize,
}

/// A response that has been written.
pub(super) struct Composition {
    /// The response at its beginning.
    pub(super) first: Value,
    /// The response at its end.
    pub(super) last: Value,
    pub(super) steps: Vec<Step>,
}

/// A server-sent event of the API.
pub(super) fn frame(kind: &str, number: usize, members: &Value) -> String {
    let mut event = Map::from_iter([
        ("type".to_owned(), json!(kind)),
        ("sequence_number".to_owned(), json!(number)),
    ]);
    if let Value::Object(members) = members {
        event.extend(members.clone());
    }
    format!("event: {kind}\ndata: {}\n\n", Value::Object(event))
}

impl<'a> Composer<'a> {
    /// Begins a response, given as it stands before anything was said.
    pub(super) fn begin(foundry: &'a Foundry, response: Value) -> Self {
        let mut composer = Self {
            foundry,
            response,
            steps: Vec::new(),
            output: Vec::new(),
            words: 0,
        };
        let background = composer.response.get("background") == Some(&Value::Bool(true));
        let response = json!({"response": composer.response});
        composer.event("response.created", &response);
        if background {
            composer.event("response.queued", &response);
        }
        composer.event("response.in_progress", &response);
        composer
    }

    pub(super) fn event(&mut self, kind: &str, members: &Value) {
        self.event_after(Duration::ZERO, kind, members);
    }

    fn event_after(&mut self, pause: Duration, kind: &str, members: &Value) {
        let frame = frame(kind, self.steps.len(), members);
        self.steps.push(Step { pause, frame });
    }

    /// A new identifier for an item.
    pub(super) fn id(&self, prefix: &str) -> String {
        self.foundry.id(prefix)
    }

    /// The response's own identifier.
    pub(super) fn response_id(&self) -> Value {
        self.response.get("id").cloned().unwrap_or_default()
    }

    pub(super) fn item_added(&mut self, item: &Value) {
        let place = self.output.len();
        self.event(
            "response.output_item.added",
            &json!({"output_index": place, "item": item}),
        );
    }

    pub(super) fn item_done(&mut self, item: Value) {
        let place = self.output.len();
        self.event(
            "response.output_item.done",
            &json!({"output_index": place, "item": item}),
        );
        self.output.push(item);
    }

    /// An entry of the output that no event told of.
    pub(super) fn silent_item(&mut self, item: Value) {
        self.output.push(item);
    }

    /// Leaves the final output empty, as the service may.
    pub(super) fn forget_output(&mut self) {
        self.output.clear();
    }

    /// A message whose text arrives in `pieces`, each after a pause.
    pub(super) fn message<'t>(&mut self, pieces: impl Iterator<Item = &'t str>, pause: Duration) {
        let id = self.id("msg");
        let place = json!({"item_id": id, "output_index": self.output.len(), "content_index": 0});
        let with = |members: Value| with(&place, members);
        let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []});
        let item = |status: &str, content: Value| {
            json!({"type": "message", "id": id, "role": "assistant", "status": status,
                "content": content})
        };
        self.item_added(&item("in_progress", json!([])));
        self.event(
            "response.content_part.added",
            &with(json!({"part": part("")})),
        );
        let mut text = String::new();
        for piece in pieces {
            text.push_str(piece);
            self.words += 1;
            let delta = with(json!({"delta": piece, "logprobs": []}));
            self.event_after(pause, "response.output_text.delta", &delta);
        }
        let done = with(json!({"text": text, "logprobs": []}));
        self.event("response.output_text.done", &done);
        self.event(
            "response.content_part.done",
            &with(json!({"part": part(&text)})),
        );
        self.item_done(item("completed", json!([part(&text)])));
    }

    /// An MCP server's tools, listed.
    pub(super) fn mcp_list(&mut self, server_label: &str, tool: &str) {
        let id = self.id("mcpl");
        let place = json!({"item_id": id, "output_index": self.output.len()});
        let item = |tools: Value| {
            json!({"type": "mcp_list_tools", "id": id, "server_label": server_label,
                "tools": tools, "error": null})
        };
        self.item_added(&item(json!([])));
        self.event("response.mcp_list_tools.in_progress", &place);
        self.event("response.mcp_list_tools.completed", &place);
        self.item_done(item(json!([{
            "name": tool,
            "description": null,
            "input_schema": {"type": "object"},
            "annotations": null,
        }])));
    }

    /// A call of an MCP server's tool.
    pub(super) fn mcp_call(&mut self, call: &Call<'_>) {
        let id = self.id("mcp");
        let place = json!({"item_id": id, "output_index": self.output.len()});
        let arguments = call.arguments.to_string();
        let item = |status: &str, arguments: &str, output: Value| {
            json!({"type": "mcp_call", "id": id, "server_label": call.server_label,
                "name": call.name, "arguments": arguments, "output": output, "error": null,
                "approval_request_id": call.approval_request_id, "status": status})
        };
        self.item_added(&item("in_progress", "", Value::Null));
        self.event("response.mcp_call.in_progress", &place);
        let event = with(&place, json!({"delta": arguments}));
        self.event("response.mcp_call_arguments.delta", &event);
        let event = with(&place, json!({"arguments": arguments}));
        self.event("response.mcp_call_arguments.done", &event);
        self.event("response.mcp_call.completed", &place);
        self.item_done(item("completed", &arguments, json!(call.output)));
    }

    /// Ends the response as `status`, with members that go with it.
    pub(super) fn end(mut self, status: &str, members: Value) -> Composition {
        let first = self.response.clone();
        let mut last = std::mem::take(&mut self.response);
        let read = 1 + self.words / 2;
        let end = json!({
            "status": status,
            "output": std::mem::take(&mut self.output),
            "completed_at": first.get("created_at"),
            "usage": {
                "input_tokens": read,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": self.words,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": read + self.words,
            },
        });
        last = with(&with(&last, end), members);
        self.event(&format!("response.{status}"), &json!({"response": last}));
        Composition {
            first,
            last,
            steps: self.steps,
        }
    }
}

/// `value` with more members.
fn with(value: &Value, members: Value) -> Value {
    let mut value = value.clone();
    if let (Some(all), Value::Object(members)) = (value.as_object_mut(), members) {
        all.extend(members);
    }
    value
}

/// A tool call that takes place.
pub(super) struct Call<'a> {
    pub(super) server_label: &'a str,
    pub(super) name: &'a str,
    pub(super) arguments: Value,
    pub(super) output: &'a str,
    pub(super) approval_request_id: Option<&'a str>,
}
