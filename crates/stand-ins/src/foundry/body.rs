use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::problem::Problem;

/// What a request for a response may hold (`OpenAI` API reference, "Create a
/// model response", and Foundry's additions). Anything else is refused, as
/// the API does.
const FIELDS: &[&str] = &[
    "agent_reference",
    "background",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "structured_inputs",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

/// Most items of input.
const INPUT_ITEMS: usize = 1000;

/// A request for a response that can be met.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Create {
    pub(super) input: Vec<Value>,
    /// Name and version.
    pub(super) agent: Option<(String, Option<String>)>,
    pub(super) model: Option<String>,
    pub(super) conversation: Option<String>,
    pub(super) previous_response_id: Option<String>,
    pub(super) stream: bool,
    pub(super) store: bool,
    pub(super) background: bool,
    pub(super) metadata: Map<String, Value>,
}

impl Create {
    pub(super) fn read(headers: &HeaderMap, body: &Bytes) -> Result<Self, Problem> {
        let body = object(headers, body)?;
        only(&body, FIELDS, "")?;
        let create = Self {
            input: input(body.get("input"))?,
            agent: agent(body.get("agent_reference"))?,
            model: string(&body, "model")?,
            conversation: conversation(body.get("conversation"))?,
            previous_response_id: string(&body, "previous_response_id")?,
            stream: flag(&body, "stream")?.unwrap_or(false),
            store: flag(&body, "store")?.unwrap_or(true),
            background: flag(&body, "background")?.unwrap_or(false),
            metadata: metadata(&body)?,
        };
        if create.conversation.is_some() && create.previous_response_id.is_some() {
            return Err(Problem::parameter(
                "mutually_exclusive_parameters",
                "previous_response_id",
                "Mutually exclusive with 'conversation'",
            ));
        }
        Ok(create)
    }

    /// What the user said last.
    pub(super) fn said(&self) -> String {
        self.input
            .iter()
            .rev()
            .find(|item| item["role"] == "user")
            .map(|item| match &item["content"] {
                Value::String(text) => text.clone(),
                content => content
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|part| part["text"].as_str())
                    .collect(),
            })
            .unwrap_or_default()
    }
}

/// The JSON object of a body.
pub(super) fn object(headers: &HeaderMap, body: &Bytes) -> Result<Map<String, Value>, Problem> {
    let json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"));
    if !json && !body.is_empty() {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The body must be application/json.",
        ));
    }
    if body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body)
        .map_err(|_| Problem::invalid("invalid_json", "The body is not a JSON object."))
}

/// Refuses members that are not in `known`.
pub(super) fn only(
    object: &Map<String, Value>,
    known: &[&str],
    prefix: &str,
) -> Result<(), Problem> {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Problem::parameter(
            "unknown_parameter",
            &format!("{prefix}{name}"),
            "Unknown parameter",
        )),
    }
}

/// Metadata within its limits: 16 pairs of text, 64 and 512 characters.
pub(super) fn metadata(body: &Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    let refused = || {
        Problem::parameter(
            "invalid_value",
            "metadata",
            "At most 16 pairs of text, keys of 64 and values of 512 characters",
        )
    };
    let metadata = match body.get("metadata") {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err(refused()),
    };
    let fits = metadata.len() <= 16
        && metadata.iter().all(|(key, value)| {
            let value = value.as_str().map(|text| text.chars().count());
            key.chars().count() <= 64 && value.is_some_and(|length| length <= 512)
        });
    fits.then(|| metadata.clone()).ok_or_else(refused)
}

/// Items of a conversation, or of a request's input.
pub(super) fn items(items: &[Value]) -> Result<Vec<Value>, Problem> {
    if items.len() > INPUT_ITEMS {
        return Err(Problem::parameter(
            "invalid_value",
            "input",
            "Too many items",
        ));
    }
    items
        .iter()
        .enumerate()
        .map(|(index, item)| check_item(item, index).map(|()| item.clone()))
        .collect()
}

fn input(input: Option<&Value>) -> Result<Vec<Value>, Problem> {
    match input {
        Some(Value::String(text)) => Ok(vec![json!({"role": "user", "content": text})]),
        Some(Value::Array(array)) if !array.is_empty() => items(array),
        _ => Err(Problem::parameter(
            "missing_required_parameter",
            "input",
            "Missing required parameter",
        )),
    }
}

fn check_item(item: &Value, index: usize) -> Result<(), Problem> {
    let at = format!("input[{index}]");
    let invalid =
        |name: &str| Problem::parameter("invalid_value", &format!("{at}{name}"), "Invalid value");
    let object = item.as_object().ok_or_else(|| invalid(""))?;
    let has_text = |name: &str| object.get(name).is_some_and(Value::is_string);
    let prefix = format!("{at}.");
    match object.get("type").map_or(Some("message"), Value::as_str) {
        Some("message") => {
            only(
                object,
                &["type", "role", "content", "id", "status"],
                &prefix,
            )?;
            let roles = ["user", "assistant", "system", "developer"];
            let role = object.get("role").and_then(Value::as_str);
            if !role.is_some_and(|role| roles.contains(&role)) {
                return Err(invalid(".role"));
            }
            if !(has_text("content") || object.get("content").is_some_and(Value::is_array)) {
                return Err(invalid(".content"));
            }
        }
        Some("mcp_approval_response") => {
            let known = ["type", "approval_request_id", "approve", "reason", "id"];
            only(object, &known, &prefix)?;
            if !has_text("approval_request_id") {
                return Err(invalid(".approval_request_id"));
            }
            if !object.get("approve").is_some_and(Value::is_boolean) {
                return Err(invalid(".approve"));
            }
        }
        Some("function_call_output") => {
            only(
                object,
                &["type", "call_id", "output", "id", "status"],
                &prefix,
            )?;
            if !has_text("call_id") || !object.contains_key("output") {
                return Err(invalid(".call_id"));
            }
        }
        Some("item_reference") => {
            only(object, &["type", "id"], &prefix)?;
            if !has_text("id") {
                return Err(invalid(".id"));
            }
        }
        _ => return Err(invalid(".type")),
    }
    Ok(())
}

fn agent(reference: Option<&Value>) -> Result<Option<(String, Option<String>)>, Problem> {
    let reference = match reference {
        None | Some(Value::Null) => return Ok(None),
        Some(reference) => reference,
    };
    let invalid = || {
        Problem::parameter(
            "invalid_value",
            "agent_reference",
            "Invalid agent reference",
        )
    };
    let object = reference.as_object().ok_or_else(invalid)?;
    only(object, &["type", "name", "version"], "agent_reference.")?;
    if object.get("type").and_then(Value::as_str) != Some("agent_reference") {
        return Err(invalid());
    }
    let name = string(object, "name")?.ok_or_else(invalid)?;
    Ok(Some((name, string(object, "version")?)))
}

/// A conversation is named by its id or by an object with it.
fn conversation(value: Option<&Value>) -> Result<Option<String>, Problem> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => Ok(Some(id.clone())),
        Some(value) => value["id"]
            .as_str()
            .map(|id| Some(id.to_owned()))
            .ok_or_else(|| Problem::parameter("invalid_type", "conversation", "Invalid type")),
    }
}

fn string(object: &Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Problem::parameter("invalid_type", name, "Invalid type")),
    }
}

fn flag(object: &Map<String, Value>, name: &str) -> Result<Option<bool>, Problem> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(Problem::parameter("invalid_type", name, "Invalid type")),
    }
}
