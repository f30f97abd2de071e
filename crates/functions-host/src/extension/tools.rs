use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::functions::{Function, McpToolTrigger, Trigger};

/// The tools that the package declares, disabled ones left out.
#[derive(Debug)]
pub(super) struct Tools(Vec<Tool>);

/// A tool and the function behind it.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) function: String,
    pub(super) trigger: McpToolTrigger,
}

/// A tool as `tools/list` shows it: the same to everyone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    input_schema: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_schema: Option<&'a RawValue>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Listing<'a> {
    tools: Vec<Listed<'a>>,
}

impl Tools {
    pub(super) fn of(functions: &[Function]) -> Self {
        let tools =
            functions
                .iter()
                .filter_map(|function| match (&function.trigger, function.disabled) {
                    (Trigger::McpTool(trigger), false) => Some(Tool {
                        function: function.name.clone(),
                        trigger: trigger.as_ref().clone(),
                    }),
                    _ => None,
                });
        Self(tools.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tool of that name, in any case.
    pub(super) fn find(&self, name: &str) -> Option<&Tool> {
        self.0.iter().find(|tool| {
            tool.trigger.tool_name.eq_ignore_ascii_case(name)
                || tool.trigger.tool_name.to_lowercase() == name.to_lowercase()
        })
    }

    /// The result of `tools/list`; there are no pages.
    pub(super) fn listing(&self) -> serde_json::Result<Box<RawValue>> {
        let tools = self
            .0
            .iter()
            .map(|tool| Listed {
                name: &tool.trigger.tool_name,
                description: tool.trigger.description.as_deref(),
                input_schema: &tool.trigger.input_schema,
                output_schema: tool.trigger.output_schema.as_deref(),
                meta: tool.trigger.metadata.as_deref(),
            })
            .collect();
        to_raw_value(&Listing { tools })
    }
}
