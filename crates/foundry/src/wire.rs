use serde::Deserialize;
use serde_json::Value;

use crate::event::{ToolKind, Usage};

/// What every event has. Read first and alone, so that an unknown event is
/// ignored whatever else it holds.
#[derive(Deserialize)]
pub(crate) struct Envelope {
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) sequence_number: Option<u64>,
}

/// `response.output_text.delta`
#[derive(Deserialize)]
pub(crate) struct TextDelta {
    pub(crate) delta: String,
}

/// `response.refusal.done`
#[derive(Deserialize)]
pub(crate) struct RefusalDone {
    pub(crate) refusal: String,
}

/// `response.output_item.added` and `.done`
#[derive(Deserialize)]
pub(crate) struct ItemEvent {
    pub(crate) item: Value,
}

/// Events that carry the response: `response.created`, `.completed`, …
#[derive(Deserialize)]
pub(crate) struct ResponseCarrier {
    pub(crate) response: Value,
}

/// `response.{tool}_call.completed` and `.failed`
#[derive(Deserialize)]
pub(crate) struct ToolProgress {
    pub(crate) item_id: String,
}

/// A text member that is there and not empty.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// A copy of [`text`].
pub(crate) fn owned(value: &Value, name: &str) -> Option<String> {
    text(value, name).map(str::to_owned)
}

/// The conversation of a response: an object with an id, or the id itself.
pub(crate) fn conversation(response: &Value) -> Option<String> {
    let conversation = response.get("conversation")?;
    conversation
        .as_str()
        .map(str::to_owned)
        .or_else(|| owned(conversation, "id"))
}

/// The items of a response's output.
pub(crate) fn output(response: &Value) -> &[Value] {
    response
        .get("output")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// All text of a response's output, parts joined as they were streamed. `None`
/// when there is no text in it: services may leave the output of a streamed
/// response empty.
pub(crate) fn output_text(response: &Value) -> Option<String> {
    let parts: Vec<&str> = output(response)
        .iter()
        .filter(|item| text(item, "type") == Some("message"))
        .filter_map(|item| item.get("content")?.as_array())
        .flatten()
        .filter(|part| text(part, "type") == Some("output_text"))
        .filter_map(|part| text(part, "text"))
        .collect();
    (!parts.is_empty()).then(|| parts.concat())
}

/// Why a response ended early: the reason that it gives, or else `cancelled`
/// when its status or the event says so.
pub(crate) fn incomplete_reason(event_type: &str, response: &Value) -> String {
    let given = response
        .get("incomplete_details")
        .and_then(|details| text(details, "reason"));
    let cancelled =
        event_type == "response.cancelled" || text(response, "status") == Some("cancelled");
    given
        .unwrap_or(if cancelled { "cancelled" } else { "unknown" })
        .to_owned()
}

/// The tokens that a response used.
pub(crate) fn usage(response: &Value) -> Option<Usage> {
    let usage = response.get("usage").filter(|usage| usage.is_object())?;
    Usage::deserialize(usage).ok()
}

/// The sort of tool that an item is a call of; `None` for any other item.
pub(crate) fn tool_kind(item_type: &str) -> Option<ToolKind> {
    let tool = item_type.strip_suffix("_call")?;
    Some(match tool {
        "mcp" => ToolKind::Mcp,
        "function" => ToolKind::Function,
        "web_search" => ToolKind::WebSearch,
        "file_search" => ToolKind::FileSearch,
        "code_interpreter" => ToolKind::CodeInterpreter,
        "image_generation" => ToolKind::ImageGeneration,
        _ => ToolKind::Other,
    })
}

/// The arguments of a call as JSON text: that is how they come, but for
/// servers that send the object.
pub(crate) fn arguments(item: &Value) -> Option<String> {
    match item.get("arguments")? {
        Value::Null => None,
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        object => Some(object.to_string()),
    }
}

/// Whether a finished call failed.
pub(crate) fn has_failed(item: &Value) -> bool {
    matches!(text(item, "status"), Some("failed" | "incomplete"))
        || item.get("error").is_some_and(|error| !error.is_null())
}
