use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::binding::{Binding, refuse_return};
use super::mcp_metadata;

/// An `mcpPromptTrigger` (azure-functions-mcp-extension,
/// `McpPromptTriggerBinding`).
#[derive(Debug, Clone)]
pub(crate) struct McpPromptTrigger {
    /// The binding's name: the member of `Data` that carries the request.
    pub(crate) binding: String,
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    /// As `prompts/list` shows them; `None` when none are declared.
    pub(crate) arguments: Option<Vec<PromptArgument>>,
    /// JSON text of the icons, as `prompts/list` shows it.
    pub(crate) icons: Option<Box<RawValue>>,
    /// What `prompts/list` shows as `_meta`.
    pub(crate) metadata: Option<Box<RawValue>>,
    /// How a return value is read: as an envelope, or as plain text.
    pub(crate) use_result_schema: bool,
}

/// A declared argument of a prompt, as clients see it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PromptArgument {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) required: Option<bool>,
}

impl PromptArgument {
    /// Member names are read in any case.
    fn read(members: Map<String, Value>) -> Result<Self, String> {
        let mut argument = Self {
            name: String::new(),
            title: None,
            description: None,
            required: None,
        };
        for (name, value) in members {
            match (name.to_ascii_lowercase().as_str(), value) {
                (_, Value::Null) => {}
                ("name", Value::String(text)) => argument.name = text,
                ("title", Value::String(text)) => argument.title = Some(text),
                ("description", Value::String(text)) => argument.description = Some(text),
                ("required", Value::Bool(required)) => argument.required = Some(required),
                ("name" | "title" | "description" | "required", _) => {
                    return Err(format!("'{name}' of an argument has the wrong type."));
                }
                _ => {}
            }
        }
        if argument.name.is_empty() {
            return Err("an argument has no name.".into());
        }
        Ok(argument)
    }
}

impl McpPromptTrigger {
    /// Reads the trigger.
    pub(super) fn read(trigger: &Binding, bindings: &[Binding]) -> Result<Self, String> {
        trigger.require(&["promptName"])?;
        let name = trigger
            .text("promptName")?
            .filter(|name| !name.is_empty())
            .ok_or_else(|| trigger.unconfigurable("'promptName' is empty."))?;
        refuse_return(bindings)?;
        let text = |member: &str| -> Result<Option<String>, String> {
            Ok(trigger.text(member)?.map(str::to_owned))
        };
        Ok(Self {
            binding: trigger.name.clone(),
            name: name.to_owned(),
            title: text("title")?,
            description: text("description")?,
            arguments: arguments(trigger)?,
            icons: icons(trigger)?,
            metadata: mcp_metadata::read(trigger)?,
            use_result_schema: trigger.flag("useResultSchema")?,
        })
    }

    /// Arguments that must be there and not `null`.
    pub(crate) fn required(&self) -> impl Iterator<Item = &str> {
        self.arguments
            .iter()
            .flatten()
            .filter(|argument| argument.required == Some(true))
            .map(|argument| argument.name.as_str())
    }
}

/// `promptArguments`: a string with a JSON array in it.
fn arguments(trigger: &Binding) -> Result<Option<Vec<PromptArgument>>, String> {
    let Some(text) = trigger
        .text("promptArguments")?
        .filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    let fault = |reason: &str| trigger.unconfigurable(&format!("'promptArguments': {reason}"));
    let entries: Vec<Map<String, Value>> =
        serde_json::from_str(text).map_err(|source| fault(&source.to_string()))?;
    let arguments: Result<Vec<_>, String> = entries.into_iter().map(PromptArgument::read).collect();
    arguments.map(Some).map_err(|reason| fault(&reason))
}

/// `icons`: a string with a JSON array in it.
fn icons(trigger: &Binding) -> Result<Option<Box<RawValue>>, String> {
    let Some(text) = trigger.text("icons")?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    serde_json::from_str::<Vec<Map<String, Value>>>(text)
        .and_then(|icons| to_raw_value(&icons))
        .map(Some)
        .map_err(|source| trigger.unconfigurable(&format!("'icons': {source}")))
}
