//! Everything that a package declares to the host.

use rmcp::model::Tool as ToolDefinition;
use serde::Serialize;
use serde_json::{Value, json};

use super::{HTTP_FUNCTIONS, SWEEP};
use crate::mcp::{DefinitionError, tools};

/// The name of the member of `Data` that carries a wrapped call.
pub(super) const TOOL_BINDING: &str = "context";

/// When expired rows are swept: twice an hour (NCRONTAB, six fields).
const SWEEP_SCHEDULE: &str = "0 7,37 * * * *";

/// A function of the package: a folder of this name with this `function.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Declaration {
    /// The folder's name, which is what the portal shows.
    pub name: String,
    /// The content of its `function.json`.
    pub function: Value,
}

/// The functions of the package: named endpoints and the catch-all, one
/// function for each tool, and the timer.
///
/// # Errors
/// When a tool's own definition is at fault.
pub fn declarations() -> Result<Vec<Declaration>, DefinitionError> {
    let http = HTTP_FUNCTIONS.iter().map(|function| Declaration {
        name: function.name.to_owned(),
        function: function.document(),
    });
    let definitions = tools::definitions()?;
    let tools = definitions.iter().map(tool);
    Ok(http.chain(tools).chain([sweep()]).collect())
}

/// The function of a tool (azure-functions-mcp-extension,
/// `McpToolTriggerAttribute`). Schemas are JSON texts; `description` has to be
/// there. There is no `$return` output: the host would read what the tool
/// returns as base64.
fn tool(definition: &ToolDefinition) -> Declaration {
    let mut input = Value::Object(definition.input_schema.as_ref().clone());
    if let Some(schema) = input.as_object_mut() {
        schema.entry("required").or_insert_with(|| json!([]));
    }
    let output = definition.output_schema.as_deref().cloned();
    Declaration {
        name: definition.name.to_string(),
        function: json!({
            "bindings": [{
                "type": "mcpToolTrigger",
                "direction": "in",
                "name": TOOL_BINDING,
                "toolName": definition.name,
                "description": definition.description.as_deref().unwrap_or_default(),
                "useWorkerInputSchema": true,
                "inputSchema": input.to_string(),
                "outputSchema": output.map(Value::Object).map(|schema| schema.to_string()),
                "useResultSchema": true,
            }]
        }),
    }
}

fn sweep() -> Declaration {
    Declaration {
        name: SWEEP.to_owned(),
        function: json!({
            "bindings": [{
                "type": "timerTrigger",
                "direction": "in",
                "name": "timer",
                "schedule": SWEEP_SCHEDULE,
                "runOnStartup": false,
                "useMonitor": true,
            }]
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn binding(declaration: &Declaration) -> &Value {
        &declaration.function["bindings"][0]
    }

    fn of_type(kind: &str) -> Vec<Declaration> {
        let mut declared = declarations().unwrap();
        declared.retain(|declaration| binding(declaration)["type"] == kind);
        declared
    }

    #[test]
    fn each_tool_has_a_function_with_the_schemas_that_mcp_clients_see() {
        let declared = of_type("mcpToolTrigger");
        let definitions = tools::definitions().unwrap();
        assert_eq!(declared.len(), definitions.len());
        for (declaration, definition) in declared.iter().zip(&definitions) {
            let binding = binding(declaration);
            assert_eq!(declaration.name, definition.name);
            assert_eq!(binding["toolName"], declaration.name);
            let schema = |member: &str| -> Value {
                serde_json::from_str(binding[member].as_str().unwrap()).unwrap()
            };
            let input = schema("inputSchema");
            assert!(input["properties"].is_object() && input["required"].is_array());
            let listed = serde_json::to_value(definition).unwrap();
            assert_eq!(input["properties"], listed["inputSchema"]["properties"]);
            assert_eq!(schema("outputSchema"), listed["outputSchema"]);
            assert_eq!(binding["description"], listed["description"]);
            assert_eq!(binding["useWorkerInputSchema"], true);
            assert_eq!(binding["useResultSchema"], true);
            assert_eq!(
                declaration.function["bindings"].as_array().unwrap().len(),
                1
            );
        }
    }

    #[test]
    fn no_two_functions_have_the_same_name_in_any_case() {
        let declared = declarations().unwrap();
        let names: BTreeSet<String> = declared
            .iter()
            .map(|declaration| declaration.name.to_lowercase())
            .collect();
        assert_eq!(names.len(), declared.len());
        assert_eq!(of_type("timerTrigger").len(), 1);
        assert_eq!(of_type("httpTrigger").len(), HTTP_FUNCTIONS.len());
    }
}
