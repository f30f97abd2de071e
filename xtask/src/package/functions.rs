use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;

/// A function of the package: one folder with a `function.json`. The handler
/// itself says which there are (`entrada functions`), so that routes and tools
/// are written once.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Function {
    /// Folder name, shown in the portal, with its own metrics and off switch.
    pub(crate) name: String,
    /// The content of its `function.json`.
    #[serde(rename = "function")]
    pub(crate) document: Value,
}

impl Function {
    /// Route template without a leading slash, of an HTTP function.
    fn route(&self) -> Option<&str> {
        let trigger = self.document.get("bindings")?.get(0)?;
        (trigger.get("type")? == "httpTrigger").then_some(trigger.get("route")?.as_str()?)
    }
}

/// Refuses tables that the host would refuse or route wrongly.
///
/// It rejects routes that begin with `admin` or `runtime` (a plain prefix
/// test), and tries routes in the alphabetical order of function names, first
/// match wins (azure-functions-host, `ScriptHost` and `FunctionMetadataManager`):
/// a catch-all shadows every HTTP function whose name comes after its own.
pub(crate) fn check(functions: &[Function]) -> Result<(), Error> {
    for function in functions {
        check_one(function)?;
    }
    let http = || {
        functions
            .iter()
            .filter(|function| function.route().is_some())
    };
    let last = http().max_by_key(|function| function.name.to_lowercase());
    for function in http().filter(|function| is_catch_all(function)) {
        if last.is_some_and(|last| last.name != function.name) {
            return Err(Error::Rule(format!(
                "function `{}` would shadow those whose names come after it: it must sort last",
                function.name
            )));
        }
    }
    Ok(())
}

fn is_catch_all(function: &Function) -> bool {
    function
        .route()
        .is_some_and(|route| route.starts_with("{*"))
}

fn check_one(function: &Function) -> Result<(), Error> {
    let route = function.route().unwrap_or_default();
    let plain = route.trim_matches('/').to_lowercase();
    if plain.starts_with("admin") || plain.starts_with("runtime") {
        return Err(Error::Rule(format!(
            "function `{}` has the route `{route}`, which the host keeps for itself",
            function.name
        )));
    }
    let mut letters = function.name.chars();
    let well_named = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
        && function.name.len() <= 128
        && !function.name.eq_ignore_ascii_case("host");
    if well_named {
        return Ok(());
    }
    Err(Error::Rule(format!(
        "`{}` is no function name: a letter, then at most 127 letters, digits, _ or -",
        function.name
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn function(name: &str, route: &str) -> Function {
        Function {
            name: name.into(),
            document: json!({"bindings": [{"type": "httpTrigger", "route": route}]}),
        }
    }

    #[test]
    fn a_catch_all_that_does_not_sort_last_is_refused() {
        let shadowed = [function("all", "{*path}"), function("Login", "auth/login")];
        assert!(check(&shadowed).is_err());
        let ordered = [function("web", "{*path}"), function("Login", "auth/login")];
        assert!(check(&ordered).is_ok());
    }

    #[test]
    fn functions_without_a_route_may_sort_anywhere() {
        let mut tool = function("whoami", "");
        tool.document = json!({"bindings": [{"type": "mcpToolTrigger"}]});
        assert!(check(&[function("web", "{*path}"), tool]).is_ok());
    }

    #[test]
    fn routes_of_the_host_are_refused() {
        for route in ["admin/x", "/Runtime/webhooks/mcp", "administrators"] {
            assert!(check(&[function("a", route)]).is_err(), "{route}");
        }
    }

    #[test]
    fn names_that_the_host_does_not_take_are_refused() {
        for name in ["", "1st", "host", "a b", "ä"] {
            assert!(check(&[function(name, "x")]).is_err(), "{name}");
        }
    }
}
