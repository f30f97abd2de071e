//! What is asked of the client between the rounds of a call.

use rmcp::ErrorData;
use rmcp::model::{ClientCapabilities, InputRequiredResult, InputResponses};
use serde_json::{Value, json};

/// A question: its key, what it asks, the capability that it takes.
pub(super) struct Question {
    pub(super) key: &'static str,
    request: Value,
    capability: &'static str,
}

impl Question {
    /// Asks the person for one text or, for `ok`, for a yes or no.
    pub(super) fn person(key: &'static str, message: &str, field: &str) -> Self {
        let kind = if field == "ok" { "boolean" } else { "string" };
        let request = json!({"method": "elicitation/create", "params": {
            "message": message,
            "requestedSchema": {
                "type": "object",
                "properties": {field: {"type": kind}},
                "required": [field],
            },
        }});
        Self {
            key,
            request,
            capability: "elicitation",
        }
    }

    /// Asks the client's model.
    pub(super) fn model(key: &'static str, text: &str) -> Self {
        let request = json!({"method": "sampling/createMessage", "params": {
            "messages": [{"role": "user", "content": {"type": "text", "text": text}}],
            "maxTokens": 100,
        }});
        Self {
            key,
            request,
            capability: "sampling",
        }
    }

    /// Asks for the client's roots.
    pub(super) fn roots(key: &'static str) -> Self {
        Self {
            key,
            request: json!({"method": "roots/list", "params": {}}),
            capability: "roots",
        }
    }

    /// Whether the client says that it can answer.
    pub(super) fn suits(&self, capabilities: Option<&ClientCapabilities>) -> bool {
        serde_json::to_value(capabilities)
            .is_ok_and(|declared| declared[self.capability].is_object())
    }
}

/// The result that asks these questions.
pub(super) fn ask<'a>(
    questions: impl IntoIterator<Item = &'a Question>,
    state: Option<String>,
) -> Result<InputRequiredResult, ErrorData> {
    let requests: serde_json::Map<String, Value> = questions
        .into_iter()
        .map(|question| (question.key.to_owned(), question.request.clone()))
        .collect();
    let mut result = json!({"resultType": "input_required", "inputRequests": requests});
    if let Some(state) = state {
        result["requestState"] = state.into();
    }
    super::typed(result)
}

/// What the client answers to a question, if it does and can be understood.
pub(super) fn answer_to<'a>(
    question: &Question,
    responses: Option<&'a InputResponses>,
) -> Option<&'a Value> {
    let response = responses?.get(question.key)?;
    response.is_object().then_some(response)
}
