use serde_json::value::RawValue;

use super::binding::{Binding, refuse_return};
use super::mcp_metadata;
use super::resource_uri::ResourceUri;

/// An `mcpResourceTrigger` (azure-functions-mcp-extension,
/// `McpResourceTriggerBinding`).
#[derive(Debug, Clone)]
pub(crate) struct McpResourceTrigger {
    /// The binding's name: the member of `Data` that carries the request.
    pub(crate) binding: String,
    /// The resource's URI, or a template of the URIs of several.
    pub(crate) uri: ResourceUri,
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) mime_type: Option<String>,
    /// In bytes.
    pub(crate) size: Option<i64>,
    /// What lists show as `_meta`.
    pub(crate) metadata: Option<Box<RawValue>>,
}

impl McpResourceTrigger {
    /// Reads the trigger.
    pub(super) fn read(trigger: &Binding, bindings: &[Binding]) -> Result<Self, String> {
        trigger.require(&["uri", "resourceName"])?;
        refuse_return(bindings)?;
        let text = |member: &str| -> Result<Option<String>, String> {
            Ok(trigger.text(member)?.map(str::to_owned))
        };
        let size = match trigger.member("size") {
            None => None,
            Some(size) if size.is_null() => None,
            Some(size) => Some(
                size.as_i64()
                    .ok_or_else(|| trigger.unconfigurable("'size' must be an integer."))?,
            ),
        };
        Ok(Self {
            binding: trigger.name.clone(),
            uri: ResourceUri::parse(trigger.text("uri")?.unwrap_or_default())?,
            name: text("resourceName")?.unwrap_or_default(),
            title: text("title")?,
            description: text("description")?,
            mime_type: text("mimeType")?,
            size,
            metadata: mcp_metadata::read(trigger)?,
        })
    }
}
