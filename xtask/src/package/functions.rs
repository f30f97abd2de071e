use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Error;

/// An HTTP function of the package: one folder with a `function.json`. The
/// handler itself names its functions (`entrada functions`), so that routes
/// are written once.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Function {
    /// Folder name, shown in the portal, with its own metrics and off switch.
    pub(crate) name: String,
    /// Route template without a leading slash.
    route: String,
    /// HTTP methods, lower case.
    methods: Vec<String>,
}

impl Function {
    /// The text of its `function.json`. One HTTP trigger in and one HTTP
    /// output, no more: only then does the host proxy requests unchanged.
    pub(crate) fn document(&self) -> Value {
        json!({
            "bindings": [
                {
                    "type": "httpTrigger",
                    "direction": "in",
                    "name": "req",
                    "authLevel": "anonymous",
                    "methods": self.methods,
                    "route": self.route,
                },
                { "type": "http", "direction": "out", "name": "res" },
            ]
        })
    }

    fn is_catch_all(&self) -> bool {
        self.route.starts_with("{*")
    }
}

/// Refuses tables that the host would refuse or route wrongly.
///
/// It rejects routes that begin with `admin` or `runtime` (a plain prefix
/// test), and tries routes in the alphabetical order of function names, first
/// match wins (azure-functions-host, `ScriptHost` and `FunctionMetadataManager`):
/// a catch-all shadows every function whose name comes after its own.
pub(crate) fn check(functions: &[Function]) -> Result<(), Error> {
    for function in functions {
        check_one(function)?;
    }
    let last = functions
        .iter()
        .max_by_key(|function| function.name.to_lowercase());
    for function in functions.iter().filter(|function| function.is_catch_all()) {
        if last.is_some_and(|last| last.name != function.name) {
            return Err(Error::Rule(format!(
                "function `{}` would shadow those whose names come after it: it must sort last",
                function.name
            )));
        }
    }
    Ok(())
}

fn check_one(function: &Function) -> Result<(), Error> {
    let route = function.route.trim_matches('/').to_lowercase();
    if route.starts_with("admin") || route.starts_with("runtime") {
        return Err(Error::Rule(format!(
            "function `{}` has the route `{}`, which the host keeps for itself",
            function.name, function.route
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
    use super::*;
    use crate::workspace::Workspace;

    fn function(name: &str, route: &str) -> Function {
        Function {
            name: name.into(),
            route: route.into(),
            methods: vec!["get".into()],
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

    #[test]
    fn the_function_for_func_start_is_the_catch_all_of_the_package() {
        let path = Workspace::of_this_build().path("handlers/function.json");
        let committed: Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let methods = ["get", "post", "put", "delete", "patch", "head", "options"];
        let web = Function {
            methods: methods.map(str::to_owned).to_vec(),
            ..function("web", "{*path}")
        };
        assert_eq!(committed, web.document());
    }
}
