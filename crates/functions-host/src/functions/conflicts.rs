use std::collections::BTreeSet;

use super::{Function, HttpTrigger, Trigger};
use crate::error::FunctionFault;

/// Faults between functions: two routes with the same template and a method in
/// common, two tools or prompts of one name, two resources of one URI.
/// `functions` are in the host's order; the later one is at fault.
pub(super) fn find(functions: &[Function]) -> Vec<FunctionFault> {
    let mut faults = Vec::new();
    let mut routes: Vec<(&str, &HttpTrigger)> = Vec::new();
    let mut registered: BTreeSet<(&str, String)> = BTreeSet::new();
    for function in functions {
        let mut fault = |message| {
            faults.push(FunctionFault {
                function: function.name.clone(),
                message,
            });
        };
        match &function.trigger {
            Trigger::Http(trigger) => {
                if let Some((other, _)) = routes.iter().find(|(_, other)| conflict(trigger, other))
                {
                    fault(format!(
                        "The route specified conflicts with the route defined by function '{other}'."
                    ));
                }
                routes.push((&function.name, trigger));
            }
            // A disabled function registers nothing.
            _ if function.disabled => {}
            Trigger::McpTool(trigger) => {
                let name = &trigger.tool_name;
                if !registered.insert(("tool", name.to_lowercase())) {
                    fault(format!("Tool with name '{name}' is already registered."));
                }
            }
            Trigger::McpPrompt(trigger) => {
                let name = &trigger.name;
                if !registered.insert(("prompt", name.to_lowercase())) {
                    fault(format!("Prompt with name '{name}' is already registered."));
                }
            }
            Trigger::McpResource(trigger) => {
                if !registered.insert(("resource", trigger.uri.shape())) {
                    fault(format!(
                        "Resource with URI '{}' is already registered.",
                        trigger.uri.as_str()
                    ));
                }
            }
            Trigger::Timer(_) => {}
        }
    }
    faults
}

/// The same text, case and outer slashes aside, and a method in common. The
/// host compares methods with regard to case, so "get" and "GET" pass it and
/// the second function is never reached: that is refused here.
fn conflict(one: &HttpTrigger, other: &HttpTrigger) -> bool {
    let same = one
        .route
        .trim_matches('/')
        .eq_ignore_ascii_case(other.route.trim_matches('/'));
    let all = |trigger: &HttpTrigger| trigger.methods.as_ref().is_none_or(Vec::is_empty);
    same && (all(one)
        || all(other)
        || one
            .methods
            .iter()
            .flatten()
            .any(|method| other.allows(method)))
}
