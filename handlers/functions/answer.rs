//! What a wrapped call is answered with.

use axum::Json;
use axum::response::{IntoResponse, Response};
use rmcp::model::CallToolResult;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// The answer to a wrapped call (azure-functions-host,
/// `HttpScriptInvocationResult`). It is never empty: the host would wait for
/// an answer until the function times out, and then kill the process.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InvocationAnswer {
    outputs: Map<String, Value>,
    logs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_value: Option<String>,
}

impl InvocationAnswer {
    /// Nothing but lines for the function's log.
    #[must_use]
    pub fn logging(logs: Vec<String>) -> Self {
        Self {
            outputs: Map::new(),
            logs,
            return_value: None,
        }
    }

    /// A tool's result as the MCP extension wants it with `useResultSchema`: a
    /// JSON text in a JSON text, so that neither the host nor the extension
    /// reads a date or a number into it (azure-functions-mcp-extension,
    /// `ToolReturnValueBinder`). `call_tool_result` is the one type that can
    /// carry `isError`.
    #[must_use]
    pub fn of_tool(mut result: CallToolResult) -> Self {
        // A member of the 2026-07-28 protocol; the extension speaks 2025-06-18.
        result.result_type = None;
        let content = serde_json::to_string(&result).unwrap_or_else(|error| {
            tracing::error!(%error, "a tool's result could not be written");
            UNWRITABLE.to_owned()
        });
        let envelope = json!({ "type": "call_tool_result", "content": content });
        Self {
            outputs: Map::new(),
            logs: Vec::new(),
            return_value: Some(envelope.to_string()),
        }
    }
}

const UNWRITABLE: &str = r#"{"content":[{"type":"text","text":"The tool's answer could not be written."}],"isError":true}"#;

impl IntoResponse for InvocationAnswer {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::ContentBlock;

    use super::*;

    #[test]
    fn a_result_is_a_text_in_a_text_and_keeps_what_looks_like_a_date() {
        let result = CallToolResult::structured(json!("2026-01-02T03:04:05Z"));
        let answer = serde_json::to_value(InvocationAnswer::of_tool(result)).unwrap();
        assert_eq!(answer["Outputs"], json!({}));
        assert_eq!(answer["Logs"], json!([]));
        let envelope: Value =
            serde_json::from_str(answer["ReturnValue"].as_str().unwrap()).unwrap();
        assert_eq!(envelope["type"], "call_tool_result");
        let content: Value = serde_json::from_str(envelope["content"].as_str().unwrap()).unwrap();
        assert_eq!(
            content,
            json!({
                "content": [{ "type": "text", "text": "\"2026-01-02T03:04:05Z\"" }],
                "structuredContent": "2026-01-02T03:04:05Z",
                "isError": false,
            })
        );
    }

    #[test]
    fn the_answer_of_last_resort_is_a_result() {
        let last: CallToolResult = serde_json::from_str(UNWRITABLE).unwrap();
        let error = CallToolResult::error(vec![ContentBlock::text(
            "The tool's answer could not be written.",
        )]);
        assert_eq!(last.content, error.content);
        assert_eq!(last.is_error, Some(true));
    }
}
