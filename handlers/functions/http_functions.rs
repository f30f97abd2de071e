//! Functions with an HTTP trigger: endpoints with a name of their own, and
//! the catch-all.

use serde_json::{Value, json};

/// An HTTP function of the package: a named endpoint with metrics and an off
/// switch of its own in the portal, or the catch-all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpFunction {
    /// The function's name, which is its folder's.
    pub name: &'static str,
    /// The route template, without a slash at the start.
    pub route: &'static str,
    /// The methods, in small letters as `function.json` has them.
    pub methods: &'static [&'static str],
}

const ALL: &[&str] = &["get", "post", "put", "delete", "patch", "head", "options"];

/// The functions, in the order in which the host adds them: alphabetical.
/// The host takes the first route that matches, so that the catch-all must
/// sort last.
pub const HTTP_FUNCTIONS: &[HttpFunction] = &[
    HttpFunction {
        name: "callback",
        route: "auth/callback",
        methods: &["get", "head"],
    },
    HttpFunction {
        name: "chat",
        route: "api/chat",
        methods: &["post", "options"],
    },
    HttpFunction {
        name: "exchange",
        route: "auth/exchange",
        methods: &["post", "options"],
    },
    HttpFunction {
        name: "login",
        route: "auth/login",
        methods: &["get", "head"],
    },
    HttpFunction {
        name: "mcp",
        route: "mcp",
        methods: &["get", "post", "delete", "options"],
    },
    HttpFunction {
        name: "web",
        route: "{*path}",
        methods: ALL,
    },
];

impl HttpFunction {
    /// Its `function.json`. One HTTP trigger in and one HTTP output, no more:
    /// only then does the host proxy requests unchanged
    /// (azure-functions-host, `IsHttpInAndOutFunction`).
    #[must_use]
    pub fn document(&self) -> Value {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catch_all_sorts_last_and_nothing_is_reserved() {
        assert!(HTTP_FUNCTIONS.is_sorted_by_key(|function| function.name.to_lowercase()));
        assert_eq!(
            HTTP_FUNCTIONS.last().map(|function| function.route),
            Some("{*path}")
        );
        // azure-functions-host, ScriptHost.cs: a plain prefix test.
        assert!(
            HTTP_FUNCTIONS
                .iter()
                .all(|function| !function.route.starts_with("admin")
                    && !function.route.starts_with("runtime"))
        );
    }

    #[test]
    fn the_function_for_func_start_is_the_catch_all_of_the_package() {
        let committed: Value = serde_json::from_str(include_str!("../function.json")).unwrap();
        let catch_all = HTTP_FUNCTIONS.last().unwrap();
        assert_eq!(committed, catch_all.document());
    }
}
