use std::collections::BTreeMap;

use super::{Function, HttpTrigger, Trigger};
use crate::error::FunctionFault;

/// Faults between functions: two routes with the same template and a method in
/// common, two tools of one name. `functions` are in the host's order; the
/// later one is at fault.
pub(super) fn find(functions: &[Function]) -> Vec<FunctionFault> {
    let mut faults = Vec::new();
    let mut routes: Vec<(&str, &HttpTrigger)> = Vec::new();
    let mut tools: BTreeMap<String, &str> = BTreeMap::new();
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
            Trigger::McpTool(trigger) if !function.disabled => {
                let key = trigger.tool_name.to_lowercase();
                if tools.insert(key, &function.name).is_some() {
                    fault(format!(
                        "Tool with name '{}' is already registered.",
                        trigger.tool_name
                    ));
                }
            }
            Trigger::McpTool(_) | Trigger::Timer(_) => {}
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
