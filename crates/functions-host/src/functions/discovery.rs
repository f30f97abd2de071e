use std::path::{Path, PathBuf};

use serde_json::Value;

use super::binding::{Binding, Direction};
use super::conflicts;
use super::http_trigger::{AuthorizationLevel, HttpContext, HttpTrigger};
use super::{
    Function, McpPromptTrigger, McpResourceTrigger, McpToolTrigger, TimerTrigger, Trigger,
};
use crate::error::{FunctionFault, HostError};
use crate::settings::{AppSettings, Configuration, ConfiguredRoute, CustomHandler, read_bounded};

/// The methods of a function that comes from `customHandler.http.routes`.
const ALL_METHODS: [&str; 9] = [
    "get", "post", "delete", "head", "patch", "put", "options", "trace", "connect",
];

/// What reading a function depends on.
struct Reader<'a> {
    http: HttpContext<'a>,
    settings: &'a AppSettings,
    has_extension_bundle: bool,
}

/// The functions of the package in `root`, in the host's order: by name,
/// without regard to case.
///
/// # Errors
/// Every fault of every function at once. Both kinds of declaration at once,
/// folders and `customHandler.http.routes`, are an error of the whole package.
pub(crate) fn discover(
    root: &Path,
    configuration: &Configuration,
    handler: &CustomHandler,
    settings: &AppSettings,
) -> Result<Vec<Function>, HostError> {
    let reader = Reader {
        http: HttpContext {
            route_prefix: configuration
                .get("extensions:http:routePrefix")
                .unwrap_or("api")
                .trim_matches('/'),
            mode: handler.http_mode,
        },
        settings,
        has_extension_bundle: configuration.get_filled("extensionBundle:id").is_some()
            && configuration
                .get_filled("extensionBundle:version")
                .is_some(),
    };
    let folders = function_folders(root)?;
    let declared = if handler.routes.is_empty() {
        folders.iter().map(|folder| reader.folder(folder)).collect()
    } else {
        refuse_two_sources(&folders)?;
        refuse_foreign_runtime(settings)?;
        reader.routes(&handler.routes)
    };
    let (functions, mut faults) = sort(declared);
    faults.extend(conflicts::find(&functions));
    if faults.is_empty() {
        Ok(functions)
    } else {
        Err(HostError::Functions(faults))
    }
}

fn sort(declared: Vec<Result<Function, FunctionFault>>) -> (Vec<Function>, Vec<FunctionFault>) {
    let (mut functions, mut faults) = (Vec::new(), Vec::new());
    for outcome in declared {
        match outcome {
            Ok(function) => functions.push(function),
            Err(fault) => faults.push(fault),
        }
    }
    // .NET's OrdinalIgnoreCase compares upper-cased texts, which puts `_`
    // after the letters.
    functions.sort_by_key(|function| function.name.to_ascii_uppercase());
    (functions, faults)
}

fn refuse_two_sources(folders: &[PathBuf]) -> Result<(), HostError> {
    if folders.is_empty() {
        return Ok(());
    }
    Err(HostError::Configuration(
        "Detected both function.json files and custom handler HTTP route configuration definition in host.json. Only one configuration source is supported. Remove either the function.json files or the HTTP routes entries in host.json."
            .into(),
    ))
}

fn refuse_foreign_runtime(settings: &AppSettings) -> Result<(), HostError> {
    match settings.get("FUNCTIONS_WORKER_RUNTIME") {
        Some(runtime) if !runtime.is_empty() && !runtime.eq_ignore_ascii_case("custom") => {
            Err(HostError::Configuration(
                "Routes configuration is only allowed for worker runtime: custom".into(),
            ))
        }
        _ => Ok(()),
    }
}

/// Direct children of `root` with a `function.json`; deeper ones are not
/// looked at.
fn function_folders(root: &Path) -> Result<Vec<PathBuf>, HostError> {
    let io = |source| HostError::Read {
        path: root.to_path_buf(),
        source,
    };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(root).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.join("function.json").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

impl Reader<'_> {
    fn folder(&self, folder: &Path) -> Result<Function, FunctionFault> {
        let name = folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        self.read(&name, &folder.join("function.json"))
            .map_err(|message| FunctionFault {
                function: name,
                message,
            })
    }

    fn read(&self, name: &str, path: &Path) -> Result<Function, String> {
        if !is_valid_name(name) {
            return Err(format!("'{name}' is not a valid function name."));
        }
        let text = read_bounded(path).map_err(|error| error.to_string())?;
        let document: Value = serde_json::from_str(&text)
            .map_err(|source| format!("function.json is not JSON: {source}"))?;
        let bindings = read_bindings(&document)?;
        let trigger = the_trigger(&bindings)?;
        self.refuse_unregistered(&bindings)?;
        let function_trigger = if trigger.is("httpTrigger") {
            Trigger::Http(HttpTrigger::read(name, trigger, &bindings, self.http)?)
        } else if trigger.is("timerTrigger") {
            refuse_others(&bindings, &["timerTrigger"])?;
            Trigger::Timer(TimerTrigger::read(trigger, self.settings)?)
        } else if trigger.is("mcpToolTrigger") {
            refuse_others(&bindings, &["mcpToolTrigger", "mcpToolProperty"])?;
            Trigger::McpTool(Box::new(McpToolTrigger::read(trigger, &bindings)?))
        } else if trigger.is("mcpResourceTrigger") {
            refuse_others(&bindings, &["mcpResourceTrigger"])?;
            Trigger::McpResource(Box::new(McpResourceTrigger::read(trigger, &bindings)?))
        } else if trigger.is("mcpPromptTrigger") {
            refuse_others(&bindings, &["mcpPromptTrigger"])?;
            Trigger::McpPrompt(Box::new(McpPromptTrigger::read(trigger, &bindings)?))
        } else {
            return Err(format!(
                "This stand-in knows the triggers of HTTP, of timers and of MCP, not '{}'.",
                trigger.kind
            ));
        };
        Ok(Function {
            name: name.to_owned(),
            disabled: self.is_disabled(name, &document),
            trigger: function_trigger,
        })
    }

    /// Types of an extension that is not loaded: the MCP extension comes with
    /// the extension bundle.
    fn refuse_unregistered(&self, bindings: &[Binding]) -> Result<(), String> {
        let unregistered: Vec<&str> = bindings
            .iter()
            .filter(|binding| binding.kind.to_ascii_lowercase().starts_with("mcp"))
            .map(|binding| binding.kind.as_str())
            .collect();
        if self.has_extension_bundle || unregistered.is_empty() {
            return Ok(());
        }
        Err(format!(
            "The binding type(s) '{}' are not registered. Please ensure the type is correct and the binding extension is installed. (host.json names no extensionBundle.)",
            unregistered.join(", ")
        ))
    }

    fn is_disabled(&self, name: &str, document: &Value) -> bool {
        let in_file = document.get("disabled").is_some_and(|value| match value {
            Value::Bool(disabled) => *disabled,
            Value::String(setting) => self.settings.is_on(setting),
            _ => false,
        });
        // Names of environment variables on Linux have no dots.
        let setting = format!("AzureWebJobs.{name}.Disabled");
        in_file || self.settings.is_on(&setting) || self.settings.is_on(&setting.replace('.', "_"))
    }

    fn routes(&self, routes: &[ConfiguredRoute]) -> Vec<Result<Function, FunctionFault>> {
        let methods: Vec<String> = ALL_METHODS.map(str::to_owned).into();
        routes
            .iter()
            .enumerate()
            .map(|(index, route)| {
                let name = format!("http-handler{}", index + 1);
                let level =
                    AuthorizationLevel::parse(&route.authorization_level).ok_or_else(|| {
                        format!(
                            "'{}' is not an authorization level.",
                            route.authorization_level
                        )
                    });
                level
                    .and_then(|level| {
                        HttpTrigger::new(
                            &name,
                            &route.route,
                            Some(methods.clone()),
                            level,
                            self.http.route_prefix,
                        )
                    })
                    .map(|trigger| Function {
                        name: name.clone(),
                        disabled: self.is_disabled(&name, &Value::Null),
                        trigger: Trigger::Http(trigger),
                    })
                    .map_err(|message| FunctionFault {
                        function: name,
                        message,
                    })
            })
            .collect()
    }
}

/// `^[a-z][a-z0-9_\-]{0,127}$(?<!^host$)`, in any case.
fn is_valid_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 128
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && !name.eq_ignore_ascii_case("host")
}

fn read_bindings(document: &Value) -> Result<Vec<Binding>, String> {
    let entries = document
        .get("bindings")
        .and_then(Value::as_array)
        .filter(|entries| !entries.is_empty())
        .ok_or_else(|| "At least one binding must be declared.".to_owned())?;
    let mut bindings: Vec<Binding> = Vec::with_capacity(entries.len());
    for entry in entries {
        let binding = Binding::read(entry)?;
        if bindings
            .iter()
            .any(|other| other.name.eq_ignore_ascii_case(&binding.name))
        {
            return Err(format!(
                "Multiple bindings with name '{}' discovered. Binding names must be unique.",
                binding.name
            ));
        }
        bindings.push(binding);
    }
    Ok(bindings)
}

fn the_trigger(bindings: &[Binding]) -> Result<&Binding, String> {
    let mut triggers = bindings
        .iter()
        .filter(|binding| binding.direction == Direction::In && binding.is_trigger());
    match (triggers.next(), triggers.next()) {
        (Some(trigger), None) => Ok(trigger),
        (Some(_), Some(_)) => Err(
            "Multiple trigger bindings defined. A function can only have a single trigger binding."
                .into(),
        ),
        (None, _) => Err(
            "No trigger binding specified. A function must have a trigger input binding.".into(),
        ),
    }
}

fn refuse_others(bindings: &[Binding], known: &[&str]) -> Result<(), String> {
    match bindings
        .iter()
        .find(|binding| !known.iter().any(|kind| binding.is(kind)))
    {
        None => Ok(()),
        Some(binding) if binding.name == super::binding::RETURN => Ok(()),
        Some(binding) => Err(format!(
            "This stand-in has no '{}' binding for a function with this trigger.",
            binding.kind
        )),
    }
}
