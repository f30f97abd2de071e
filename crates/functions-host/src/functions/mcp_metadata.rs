use serde_json::Value;
use serde_json::value::RawValue;

use super::binding::Binding;

/// `metadata` of an MCP trigger: a string with a JSON object in it; an empty
/// one shows nothing (azure-functions-mcp-extension, `MetadataParser`).
pub(super) fn read(trigger: &Binding) -> Result<Option<Box<RawValue>>, String> {
    let Some(text) = trigger
        .text("metadata")?
        .filter(|text| !text.trim().is_empty())
    else {
        return Ok(None);
    };
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(members)) if members.is_empty() => Ok(None),
        Ok(Value::Object(_)) => RawValue::from_string(text.to_owned())
            .map(Some)
            .map_err(|source| source.to_string()),
        Ok(_) => Err("Metadata root must be a JSON object.".into()),
        Err(source) => Err(format!(
            "Failed to parse metadata from JSON string: {source}"
        )),
    }
}
