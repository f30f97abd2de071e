use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::outcome_text::is_date_time;
use crate::functions::{Function, McpResourceTrigger, Trigger};
use crate::json;

/// The resources that the package declares, disabled ones left out.
#[derive(Debug)]
pub(super) struct Resources(Vec<Resource>);

/// A resource, or several by a template, and the function behind it.
#[derive(Debug)]
pub(super) struct Resource {
    pub(super) function: String,
    pub(super) trigger: McpResourceTrigger,
}

/// A resource as lists show it: the same to everyone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_template: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<i64>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<&'a RawValue>,
}

impl<'a> Listed<'a> {
    fn of(resource: &'a Resource) -> Self {
        let trigger = &resource.trigger;
        let (uri, is_template) = (trigger.uri.as_str(), trigger.uri.is_template());
        Self {
            name: &trigger.name,
            title: trigger.title.as_deref(),
            uri: (!is_template).then_some(uri),
            uri_template: is_template.then_some(uri),
            description: trigger.description.as_deref(),
            mime_type: trigger.mime_type.as_deref(),
            size: trigger.size.filter(|_| !is_template),
            meta: trigger.metadata.as_deref(),
        }
    }
}

/// What one URI holds (MCP 2025-06-18, `TextResourceContents` and
/// `BlobResourceContents`).
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contents {
    #[serde(default)]
    uri: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mime_type: Option<String>,
    #[serde(rename = "_meta", default, skip_serializing_if = "Option::is_none")]
    meta: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blob: Option<String>,
}

#[derive(Serialize)]
struct ReadResult {
    contents: Vec<Contents>,
}

impl Resources {
    pub(super) fn of(functions: &[Function]) -> Self {
        let resources =
            functions
                .iter()
                .filter_map(|function| match (&function.trigger, function.disabled) {
                    (Trigger::McpResource(trigger), false) => Some(Resource {
                        function: function.name.clone(),
                        trigger: trigger.as_ref().clone(),
                    }),
                    _ => None,
                });
        Self(resources.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The resource of that URI, in any case: one of its own before a template.
    pub(super) fn find(&self, uri: &str) -> Option<&Resource> {
        let stands_for = |resource: &&Resource| resource.trigger.uri.values(uri).is_some();
        let (templates, own): (Vec<&Resource>, Vec<&Resource>) = self
            .0
            .iter()
            .partition(|resource| resource.trigger.uri.is_template());
        own.into_iter().chain(templates).find(stands_for)
    }

    /// The result of `resources/list`.
    pub(super) fn listing(&self) -> serde_json::Result<Box<RawValue>> {
        #[derive(Serialize)]
        struct Listing<'a> {
            resources: Vec<Listed<'a>>,
        }
        let resources = self.listed(false);
        to_raw_value(&Listing { resources })
    }

    /// The result of `resources/templates/list`.
    pub(super) fn templates(&self) -> serde_json::Result<Box<RawValue>> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Listing<'a> {
            resource_templates: Vec<Listed<'a>>,
        }
        let resource_templates = self.listed(true);
        to_raw_value(&Listing { resource_templates })
    }

    fn listed(&self, templates: bool) -> Vec<Listed<'_>> {
        self.0
            .iter()
            .filter(|resource| resource.trigger.uri.is_template() == templates)
            .map(Listed::of)
            .collect()
    }
}

impl Resource {
    /// What a client gets for a function's return value
    /// (azure-functions-mcp-extension, `ResourceReturnValueBinder`); `None` when
    /// the extension cannot read it. (Bytes come only from functions with a
    /// `$return` output, which there is none of here.)
    pub(super) fn result(
        &self,
        uri: &str,
        return_value: Option<&RawValue>,
    ) -> Option<Box<RawValue>> {
        let contents = match return_value {
            None => Vec::new(),
            Some(value) => vec![self.contents(uri, value)?],
        };
        to_raw_value(&ReadResult { contents }).ok()
    }

    fn contents(&self, uri: &str, value: &RawValue) -> Option<Contents> {
        let Ok(Value::String(text)) = serde_json::from_str(value.get()) else {
            return None;
        };
        // `Newtonsoft.Json` made a date of it, and that is no text.
        if is_date_time(&text) {
            return None;
        }
        let Some(mut contents) = enveloped(&text) else {
            return Some(Contents {
                uri: uri.to_owned(),
                mime_type: self.trigger.mime_type.clone(),
                meta: None,
                text: Some(text),
                blob: None,
            });
        };
        match (&contents.blob, &contents.text) {
            (Some(_), _) => contents.text = None,
            (None, Some(_)) => {}
            (None, None) => return None,
        }
        if contents.uri.is_empty() {
            uri.clone_into(&mut contents.uri);
        }
        if contents.mime_type.as_deref().is_none_or(str::is_empty) {
            contents.mime_type.clone_from(&self.trigger.mime_type);
        }
        Some(contents)
    }
}

/// The contents in an envelope (`McpResourceResult`); a text that is none is
/// taken as it is.
fn enveloped(text: &str) -> Option<Contents> {
    let members = json::members(&mut serde_json::Deserializer::from_str(text)).ok()?;
    let (_, content) = members
        .into_iter()
        .rfind(|(name, _)| name.eq_ignore_ascii_case("content"))?;
    let content: String = serde_json::from_str(content.get()).ok()?;
    serde_json::from_str(&content).ok()
}
