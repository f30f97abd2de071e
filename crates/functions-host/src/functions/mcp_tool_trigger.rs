use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::binding::{Binding, Direction, refuse_return};
use super::mcp_metadata;

/// The type of the inputs that show one argument each.
const PROPERTY: &str = "mcpToolProperty";

/// An `mcpToolTrigger`, with the `mcpToolProperty` inputs beside it
/// (azure-functions-mcp-extension, `McpToolTriggerBinding`).
#[derive(Debug, Clone)]
pub(crate) struct McpToolTrigger {
    /// The binding's name: the member of `Data` that carries the call.
    pub(crate) binding: String,
    pub(crate) tool_name: String,
    pub(crate) description: Option<String>,
    /// JSON text of the input schema, as `tools/list` shows it.
    pub(crate) input_schema: Box<RawValue>,
    /// Arguments that must be there and not `null`: all that is checked of a
    /// call.
    pub(crate) required: Vec<String>,
    pub(crate) output_schema: Option<Box<RawValue>>,
    /// What `tools/list` shows as `_meta`.
    pub(crate) metadata: Option<Box<RawValue>>,
    /// How a return value is read: as an envelope, or as plain text.
    pub(crate) use_result_schema: bool,
    /// `mcpToolProperty` inputs: the binding's name and the argument it shows.
    pub(crate) properties: Vec<(String, String)>,
}

/// A property of a tool's arguments: an entry of `toolProperties`, or an
/// `mcpToolProperty` input. Member names in lower case, since the extension
/// reads them in any.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToolProperty {
    #[serde(rename = "propertyname")]
    name: String,
    #[serde(rename = "propertytype")]
    kind: String,
    description: Option<String>,
    #[serde(rename = "isrequired")]
    required: bool,
    #[serde(rename = "isarray")]
    array: bool,
    #[serde(rename = "enumvalues")]
    values: Vec<String>,
}

impl ToolProperty {
    fn read(members: impl IntoIterator<Item = (String, Value)>) -> Result<Self, serde_json::Error> {
        let members: Map<String, Value> = members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        serde_json::from_value(Value::Object(members))
    }

    /// Its JSON schema. The order of members is the extension's.
    fn schema(&self) -> String {
        let values = if self.values.is_empty() {
            String::new()
        } else {
            format!(r#","enum":{}"#, json!(self.values))
        };
        let kind = format!(r#""type":{}{values}"#, json!(self.kind));
        let shape = if self.array {
            format!(r#""type":"array","items":{{{kind}}}"#)
        } else {
            kind
        };
        let description = json!(self.description.as_deref().unwrap_or_default());
        format!(r#"{{{shape},"description":{description}}}"#)
    }
}

impl McpToolTrigger {
    /// Reads the trigger and its inputs.
    pub(super) fn read(trigger: &Binding, bindings: &[Binding]) -> Result<Self, String> {
        trigger.require(&["toolName", "description"])?;
        let tool_name = trigger
            .text("toolName")?
            .filter(|name| !name.is_empty())
            .ok_or_else(|| trigger.unconfigurable("'toolName' is empty."))?;
        refuse_return(bindings)?;
        let properties = property_inputs(bindings)?;
        let (input_schema, required) = if trigger.flag("useWorkerInputSchema")? {
            worker_schema(trigger)?
        } else {
            if trigger.text("inputSchema")?.is_some() {
                tracing::warn!(
                    tool = tool_name,
                    "inputSchema is ignored without useWorkerInputSchema"
                );
            }
            property_schema(trigger, bindings)?
        };
        Ok(Self {
            binding: trigger.name.clone(),
            tool_name: tool_name.to_owned(),
            description: trigger.text("description")?.map(str::to_owned),
            input_schema,
            required,
            output_schema: schema(trigger, "outputSchema", "output")?,
            metadata: mcp_metadata::read(trigger)?,
            use_result_schema: trigger.flag("useResultSchema")?,
            properties,
        })
    }
}

fn property_inputs(bindings: &[Binding]) -> Result<Vec<(String, String)>, String> {
    bindings
        .iter()
        .filter(|binding| binding.is(PROPERTY))
        .map(|binding| {
            if binding.direction != Direction::In {
                return Err(binding.unconfigurable("An mcpToolProperty must be of direction 'in'."));
            }
            binding.require(&["propertyName", "propertyType", "description", "isRequired"])?;
            let property = binding.text("propertyName")?.unwrap_or_default();
            Ok((binding.name.clone(), property.to_owned()))
        })
        .collect()
}

fn worker_schema(trigger: &Binding) -> Result<(Box<RawValue>, Vec<String>), String> {
    let schema = schema(trigger, "inputSchema", "input")?
        .ok_or_else(|| "InputSchema is null or invalid. ".to_owned())?;
    let document: Value = serde_json::from_str(schema.get()).unwrap_or_default();
    let required = document
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    Ok((schema, required))
}

/// A schema member: a string with a JSON object in it whose `type` is
/// `object` (azure-functions-mcp-extension, `IsValidMcpToolJsonSchema`).
fn schema(trigger: &Binding, member: &str, which: &str) -> Result<Option<Box<RawValue>>, String> {
    let Some(text) = trigger.text(member)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let unreadable = || {
        let title = if which == "input" {
            "InputSchema"
        } else {
            "OutputSchema"
        };
        let tool = trigger.text("toolName").ok().flatten().unwrap_or_default();
        format!("Failed to parse {title} for tool '{tool}'. Schema must be valid JSON.")
    };
    let document: Value = serde_json::from_str(text).map_err(|_| unreadable())?;
    let valid = document.is_object()
        && document.get("type").and_then(Value::as_str) == Some("object")
        && document.get("properties").is_none_or(Value::is_object)
        && document.get("required").is_none_or(Value::is_array);
    if !valid {
        return Err(format!(
            "The specified document is not a valid MCP tool {which} JSON schema."
        ));
    }
    RawValue::from_string(text.to_owned())
        .map(Some)
        .map_err(|_| unreadable())
}

/// The schema that the extension makes of `toolProperties` or, without them,
/// of the `mcpToolProperty` inputs.
fn property_schema(
    trigger: &Binding,
    bindings: &[Binding],
) -> Result<(Box<RawValue>, Vec<String>), String> {
    let declared = match trigger.text("toolProperties")? {
        Some(text) => serde_json::from_str::<Vec<Map<String, Value>>>(text)
            .and_then(|entries| entries.into_iter().map(ToolProperty::read).collect())
            .map_err(|source| trigger.unconfigurable(&format!("'toolProperties': {source}")))?,
        None => bindings
            .iter()
            .filter(|binding| binding.is(PROPERTY))
            .map(|binding| {
                ToolProperty::read(binding.members())
                    .map_err(|source| binding.unconfigurable(&source.to_string()))
            })
            .collect::<Result<Vec<_>, _>>()?,
    };
    let named: Vec<&ToolProperty> = declared
        .iter()
        .filter(|property| !property.name.trim().is_empty())
        .collect();
    let mut required: Vec<String> = Vec::new();
    for property in named.iter().filter(|property| property.required) {
        if !required.contains(&property.name) {
            required.push(property.name.clone());
        }
    }
    let properties: Vec<String> = named
        .iter()
        .map(|property| format!("{}:{}", json!(property.name), property.schema()))
        .collect();
    let text = format!(
        r#"{{"type":"object","properties":{{{}}},"required":{}}}"#,
        properties.join(","),
        json!(required)
    );
    let schema = RawValue::from_string(text).map_err(|source| source.to_string())?;
    Ok((schema, required))
}
