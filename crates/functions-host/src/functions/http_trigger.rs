use serde_json::Value;

use super::binding::{Binding, Direction};
use crate::routing::Template;
use crate::settings::HttpMode;

/// Who may call an HTTP function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthorizationLevel {
    /// Everyone.
    Anonymous,
    /// Holders of a key, which this host never issues: nobody.
    Keyed,
}

impl AuthorizationLevel {
    /// Reads the name of a level, in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "anonymous" => Some(Self::Anonymous),
            "user" | "function" | "system" | "admin" => Some(Self::Keyed),
            _ => None,
        }
    }
}

/// An `httpTrigger` whose requests are proxied.
#[derive(Debug, Clone)]
pub(crate) struct HttpTrigger {
    /// As declared, or the function's name.
    pub(crate) route: String,
    /// The route with the prefix of `host.json` before it, parsed.
    pub(crate) template: Template,
    /// As declared; `None` means every method.
    pub(crate) methods: Option<Vec<String>>,
    pub(crate) authorization_level: AuthorizationLevel,
}

/// What of `host.json` an HTTP trigger depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct HttpContext<'a> {
    pub(super) route_prefix: &'a str,
    pub(super) mode: HttpMode,
}

impl HttpTrigger {
    /// Reads the trigger of `function` and checks that its requests are of the
    /// kind that is proxied: one HTTP trigger in and one HTTP output, no more
    /// (azure-functions-host, `IsHttpInAndOutFunction`).
    pub(super) fn read(
        function: &str,
        trigger: &Binding,
        bindings: &[Binding],
        context: HttpContext<'_>,
    ) -> Result<Self, String> {
        let outputs: Vec<_> = bindings
            .iter()
            .filter(|binding| binding.direction != Direction::In)
            .collect();
        let inputs = bindings.len() - outputs.len();
        if inputs != 1 || !matches!(outputs.as_slice(), [output] if output.is("http")) {
            return Err(
                "An HTTP function with anything but one httpTrigger in and one http output is wrapped, which this stand-in does for timers and MCP tools alone."
                    .into(),
            );
        }
        if context.mode != HttpMode::Proxy {
            return Err(
                "This stand-in proxies HTTP functions and does nothing else with them: set 'customHandler.enableProxyingHttpRequest' to true in host.json."
                    .into(),
            );
        }
        let route = trigger.text("route")?.unwrap_or_default();
        let level = trigger.text("authLevel")?.unwrap_or("function");
        let level = AuthorizationLevel::parse(level).ok_or_else(|| {
            trigger.unconfigurable(&format!("'{level}' is not an authorization level."))
        })?;
        Self::new(
            function,
            route,
            methods(trigger)?,
            level,
            context.route_prefix,
        )
    }

    /// A trigger with these values. A blank route means the function's name.
    pub(super) fn new(
        function: &str,
        route: &str,
        methods: Option<Vec<String>>,
        authorization_level: AuthorizationLevel,
        route_prefix: &str,
    ) -> Result<Self, String> {
        let route = if route.trim().is_empty() {
            function
        } else {
            route
        };
        refuse_reserved(route)?;
        let whole = if route_prefix.is_empty() {
            route.to_owned()
        } else {
            format!("{route_prefix}/{}", route.trim_start_matches('/'))
        };
        let template = Template::parse(&whole)
            .map_err(|reason| format!("The route template '{whole}' is invalid. {reason}"))?;
        Ok(Self {
            route: route.to_owned(),
            template,
            methods,
            authorization_level,
        })
    }

    /// Whether a request with this method may reach the function.
    pub(crate) fn allows(&self, method: &str) -> bool {
        self.methods.as_ref().is_none_or(|methods| {
            methods
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(method))
        })
    }
}

/// A plain test of the beginning: `administrators` is refused too
/// (azure-functions-host, `ScriptHost.ValidateHttpFunction`).
fn refuse_reserved(route: &str) -> Result<(), String> {
    let route = route.trim_matches('/').to_lowercase();
    if route.starts_with("admin") || route.starts_with("runtime") {
        return Err("The specified route conflicts with one or more built in routes.".into());
    }
    Ok(())
}

fn methods(trigger: &Binding) -> Result<Option<Vec<String>>, String> {
    let invalid = || trigger.unconfigurable("'methods' must be an array of strings.");
    match trigger.member("methods") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(invalid))
            .collect::<Result<_, _>>()
            .map(Some),
        Some(_) => Err(invalid()),
    }
}
