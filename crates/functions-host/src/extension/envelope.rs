use crate::json;

/// What a function with `useResultSchema` wraps its result in
/// (azure-functions-mcp-extension, `McpToolResult` and `McpPromptResult`);
/// members are found in any case, and all are JSON texts.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    pub(super) kind: Option<String>,
    pub(super) content: Option<String>,
    pub(super) structured_content: Option<String>,
}

impl Envelope {
    /// `None` when a text is no envelope.
    pub(super) fn read(text: &str) -> Option<Self> {
        let members = json::members(&mut serde_json::Deserializer::from_str(text)).ok()?;
        let mut envelope = Self::default();
        for (name, value) in members {
            // An object in place of a text is not read.
            let text = || serde_json::from_str::<Option<String>>(value.get()).ok();
            match name.to_ascii_lowercase().as_str() {
                "type" => envelope.kind = text()?,
                "content" => envelope.content = text()?,
                "structuredcontent" => envelope.structured_content = text()?,
                _ => {}
            }
        }
        Some(envelope)
    }
}
