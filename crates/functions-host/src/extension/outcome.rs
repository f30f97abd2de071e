use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::envelope::Envelope;
use super::outcome_text::plain_text;

/// A tool's result as a client gets it (MCP 2025-06-18, `CallToolResult`).
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallToolResult {
    #[serde(default)]
    content: Vec<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    structured_content: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_error: Option<bool>,
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    meta: Option<Box<RawValue>>,
}

/// A block of text.
#[derive(Serialize)]
pub(super) struct TextBlock<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

impl<'a> TextBlock<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { kind: "text", text }
    }
}

/// What a client gets for a function's return value; `None` when the extension
/// cannot read it, which clients see as a failure of the function.
pub(super) fn result(
    return_value: Option<&RawValue>,
    use_result_schema: bool,
) -> Option<Box<RawValue>> {
    let result = match return_value {
        None => CallToolResult::default(),
        Some(value) if use_result_schema => envelope(value)?,
        Some(value) => text_result(&plain_text(value)?)?,
    };
    to_raw_value(&result).ok()
}

/// What a client gets when a function failed: no details.
pub(super) fn failure(tool: &str) -> Option<Box<RawValue>> {
    let mut result = text_result(&format!("An error occurred invoking '{tool}'."))?;
    result.is_error = Some(true);
    to_raw_value(&result).ok()
}

fn text_result(text: &str) -> Option<CallToolResult> {
    let block = to_raw_value(&TextBlock::new(text)).ok()?;
    Some(CallToolResult {
        content: vec![block],
        ..CallToolResult::default()
    })
}

/// Reads the envelope: a JSON text with `type`, `content` (itself a JSON text)
/// and `structuredContent` (likewise).
fn envelope(value: &RawValue) -> Option<CallToolResult> {
    let text: String = serde_json::from_str(value.get()).ok()?;
    let envelope = Envelope::read(&text)?;
    let kind = envelope.kind?;
    let content = envelope.content?;
    if kind.eq_ignore_ascii_case("call_tool_result") {
        let result: CallToolResult = serde_json::from_str(&content).ok()?;
        return result
            .content
            .iter()
            .all(|block| is_block(block))
            .then_some(result);
    }
    let blocks: Vec<Box<RawValue>> = if kind.eq_ignore_ascii_case("multi_content_result") {
        serde_json::from_str(&content).ok()?
    } else {
        vec![serde_json::from_str(&content).ok()?]
    };
    let structured_content = match envelope.structured_content.filter(|text| !text.is_empty()) {
        Some(text) => Some(RawValue::from_string(text).ok()?),
        None => None,
    };
    let valid = !blocks.is_empty() && blocks.iter().all(|block| is_block(block));
    valid.then(|| CallToolResult {
        content: blocks,
        structured_content,
        ..CallToolResult::default()
    })
}

/// Whether the SDK reads a value as a block of content: a known type, with the
/// members that this type must have.
pub(super) fn is_block(block: &RawValue) -> bool {
    let Ok(Value::Object(block)) = serde_json::from_str(block.get()) else {
        return false;
    };
    let has_text = |name: &str| block.get(name).is_some_and(Value::is_string);
    match block.get("type").and_then(Value::as_str) {
        Some("text") => has_text("text"),
        Some("image" | "audio") => has_text("data") && has_text("mimeType"),
        Some("resource_link") => has_text("uri") && has_text("name"),
        Some("resource") => block.get("resource").is_some_and(Value::is_object),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enveloped(value: &str) -> Option<String> {
        let value = RawValue::from_string(value.to_owned()).unwrap();
        result(Some(&value), true).map(|result| result.get().to_owned())
    }

    #[test]
    fn a_whole_result_passes_as_it_is() {
        let inner = r#"{"content":[{"type":"text","text":"hi"}],"structuredContent":{"b":1,"a":"2026-01-02T03:04:05Z"},"isError":false,"_meta":{"m":1}}"#;
        let outer = serde_json::json!({"type": "call_tool_result", "content": inner}).to_string();
        let value = serde_json::to_string(&outer).unwrap();
        assert_eq!(enveloped(&value).unwrap(), inner);
    }

    #[test]
    fn what_the_extension_cannot_read_is_a_failure() {
        for text in [
            "",
            "not json",
            r#"{"a":1}"#,
            r#"{"type":"other","content":"{}"}"#,
            r#"{"type":"call_tool_result","content":{"content":[]}}"#,
            r#"{"type":"call_tool_result"}"#,
            r#"{"type":"multi_content_result","content":"[]"}"#,
            r#"{"type":"text","content":"{\"type\":\"text\"}"}"#,
        ] {
            let value = serde_json::to_string(text).unwrap();
            assert_eq!(enveloped(&value), None, "{text}");
        }
        assert_eq!(
            enveloped(r#"{"type":"call_tool_result","content":"{}"}"#),
            None
        );
    }

    #[test]
    fn nothing_is_an_empty_result() {
        assert_eq!(result(None, true).unwrap().get(), r#"{"content":[]}"#);
        assert_eq!(result(None, false).unwrap().get(), r#"{"content":[]}"#);
    }
}
