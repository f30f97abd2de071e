//! `entrada functions`: the HTTP functions of a package.

use std::io::Write as _;

use serde::Serialize;

use super::serve::Failure;

/// An HTTP function of the package: a named endpoint with metrics and an off
/// switch of its own in the portal, or the catch-all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

pub(super) fn print() -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(HTTP_FUNCTIONS).map_err(Failure::other)?;
    writeln!(std::io::stdout(), "{json}").map_err(Failure::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catch_all_sorts_last_and_nothing_is_reserved() {
        assert!(HTTP_FUNCTIONS.is_sorted_by_key(|function| function.name));
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
}
