//! Resources, prompts, and answers of tools that never differ.

use rmcp::model::JsonObject;
use serde_json::{Value, json};

/// One red pixel.
const IMAGE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC";

/// No sound at all.
const SOUND: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

fn text(text: impl Into<String>) -> Value {
    json!({"type": "text", "text": text.into()})
}

fn image() -> Value {
    json!({"type": "image", "data": IMAGE, "mimeType": "image/png"})
}

fn resource(uri: &str, mime_type: &str, text: &str) -> Value {
    json!({"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": text}})
}

/// What a tool always answers.
pub(super) fn of_tool(name: &str) -> Option<Value> {
    let content = match name {
        "json_schema_2020_12_tool" => vec![text("What was given is what was asked for.")],
        "test_audio_content" => {
            vec![json!({"type": "audio", "data": SOUND, "mimeType": "audio/wav"})]
        }
        "test_custom_header" => vec![text("The header and the argument say the same.")],
        "test_embedded_resource" => vec![resource(
            "test://embedded-resource",
            "text/plain",
            "This is an embedded resource content.",
        )],
        "test_image_content" => vec![image()],
        "test_multiple_content_types" => vec![
            text("Multiple content types test:"),
            image(),
            resource(
                "test://mixed-content-resource",
                "application/json",
                r#"{"test":"data","value":123}"#,
            ),
        ],
        "test_simple_text" => vec![text("This is a simple text response for testing.")],
        "test_error_handling" => {
            let content = text("This tool intentionally returns an error for testing");
            return Some(json!({"content": [content], "isError": true}));
        }
        _ => return None,
    };
    Some(json!({"content": content}))
}

/// What a resource holds.
pub(super) fn of_resource(uri: &str) -> Option<Value> {
    let with_text =
        |mime_type: &str, text: &str| json!([{"uri": uri, "mimeType": mime_type, "text": text}]);
    match uri {
        "test://static-text" => Some(with_text(
            "text/plain",
            "This is the content of the static text resource.",
        )),
        "test://watched-resource" => Some(with_text("text/plain", "Watched.")),
        "test://static-binary" => {
            Some(json!([{"uri": uri, "mimeType": "image/png", "blob": IMAGE}]))
        }
        _ => {
            let id = uri
                .strip_prefix("test://template/")?
                .strip_suffix("/data")?;
            let data =
                json!({"id": id, "templateTest": true, "data": format!("Data for ID: {id}")});
            Some(with_text("application/json", &data.to_string()))
        }
    }
}

/// The resources that are listed.
pub(super) fn resources() -> Value {
    json!([
        {"uri": "test://static-text", "name": "Text", "description": "A text", "mimeType": "text/plain"},
        {"uri": "test://static-binary", "name": "Picture", "description": "A picture", "mimeType": "image/png"},
        {"uri": "test://watched-resource", "name": "Watched", "description": "A text to watch", "mimeType": "text/plain"},
    ])
}

/// The templates that are listed.
pub(super) fn templates() -> Value {
    json!([{
        "uriTemplate": "test://template/{id}/data",
        "name": "Data",
        "description": "The data of an id",
        "mimeType": "application/json",
    }])
}

/// The messages of a prompt that asks nothing.
pub(super) fn of_prompt(name: &str, arguments: &JsonObject) -> Option<Value> {
    let given = |name: &str| {
        arguments
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let contents = match name {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => vec![text(format!(
            "Prompt with arguments: arg1='{}', arg2='{}'",
            given("arg1"),
            given("arg2")
        ))],
        "test_prompt_with_embedded_resource" => vec![
            resource(
                given("resourceUri"),
                "text/plain",
                "Embedded resource content for testing.",
            ),
            text("Please process the embedded resource above."),
        ],
        "test_prompt_with_image" => vec![image(), text("Please analyze the image above.")],
        _ => return None,
    };
    let messages: Vec<Value> = contents
        .into_iter()
        .map(|content| json!({"role": "user", "content": content}))
        .collect();
    Some(messages.into())
}
