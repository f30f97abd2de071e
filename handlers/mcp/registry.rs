//! The tools of the server, and the one way to list and call them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use jsonschema::Validator;
use rmcp::model::{JsonObject, Tool as ToolDefinition, ToolAnnotations};
use schemars::generate::SchemaSettings;
use serde_json::Value;
use thiserror::Error;

use super::{Tool, ToolError};
use crate::identity::Principal;
use crate::policy::{Policy, ToolClass};

/// How a call ended.
#[derive(Debug)]
pub enum Outcome {
    /// Structured content.
    Done(Value),
    /// The tool answered with an error for the caller.
    Failed(ToolError),
    /// There is no such tool for this caller.
    Unknown,
}

/// A fault in a tool's own definition.
#[derive(Debug, Error)]
#[error("tool `{tool}`: {what}")]
pub struct DefinitionError {
    tool: &'static str,
    what: String,
}

type CallFuture<'a> = Pin<Box<dyn Future<Output = Result<Value, ToolError>> + Send + 'a>>;

/// A tool whose types are erased.
trait AnyTool: Send + Sync {
    fn call<'a>(&'a self, caller: &'a Principal, arguments: Value) -> CallFuture<'a>;
}

impl<T: Tool> AnyTool for T {
    fn call<'a>(&'a self, caller: &'a Principal, arguments: Value) -> CallFuture<'a> {
        Box::pin(async move {
            // The schema was checked; what is left is what serde knows and
            // JSON Schema cannot say.
            let arguments = serde_json::from_value(arguments)
                .map_err(|error| ToolError::new(format!("Invalid arguments: {error}.")))?;
            let output = Tool::call(self, caller, arguments).await?;
            serde_json::to_value(output)
                .map_err(|error| ToolError::unavailable("The tool's answer is not JSON.", error))
        })
    }
}

struct Entry {
    class: ToolClass,
    definition: ToolDefinition,
    example: Value,
    arguments: Validator,
    tool: Box<dyn AnyTool>,
}

/// The tools, by name.
pub struct Registry {
    tools: BTreeMap<&'static str, Entry>,
    policy: Arc<Policy>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Registry")
            .field("tools", &self.tools.keys())
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// A registry without tools.
    #[must_use]
    pub fn new(policy: Arc<Policy>) -> Self {
        Self {
            tools: BTreeMap::new(),
            policy,
        }
    }

    /// Adds a tool.
    ///
    /// # Errors
    /// When its name is taken, or a schema of its own is not one.
    pub fn with<T: Tool>(mut self, tool: T) -> Result<Self, DefinitionError> {
        let fault = |what: String| DefinitionError {
            tool: T::NAME,
            what,
        };
        let input = schema_of::<T::Arguments>().map_err(fault)?;
        let output = schema_of::<T::Output>().map_err(fault)?;
        let arguments = jsonschema::validator_for(&Value::Object(input.clone()))
            .map_err(|error| fault(error.to_string()))?;
        let example = T::example();
        if let Err(error) = arguments.validate(&example) {
            return Err(fault(format!("its example is not valid: {error}")));
        }
        let annotations = ToolAnnotations::with_title(T::TITLE)
            .read_only(T::CLASS == ToolClass::Read)
            .destructive(T::EFFECTS.destructive)
            .idempotent(T::EFFECTS.idempotent)
            .open_world(T::EFFECTS.open_world);
        let definition = ToolDefinition::new(T::NAME, T::DESCRIPTION, Arc::new(input))
            .with_title(T::TITLE)
            .with_raw_output_schema(Arc::new(output))
            .with_annotations(annotations);
        let entry = Entry {
            class: T::CLASS,
            definition,
            example,
            arguments,
            tool: Box::new(tool),
        };
        if self.tools.insert(T::NAME, entry).is_some() {
            return Err(fault("its name is taken".to_owned()));
        }
        Ok(self)
    }

    /// The definitions of what the caller may call, ordered by name.
    #[must_use]
    pub fn visible(&self, caller: &Principal) -> Vec<ToolDefinition> {
        self.tools
            .values()
            .filter(|entry| self.policy.allows_tool(caller, entry.class))
            .map(|entry| entry.definition.clone())
            .collect()
    }

    /// Every tool: name, class, definition and example. For documentation,
    /// packaging and the matrix of roles; never for a caller.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, ToolClass, &ToolDefinition, &Value)> {
        self.tools
            .iter()
            .map(|(name, entry)| (*name, entry.class, &entry.definition, &entry.example))
    }

    /// The class of a tool, if the caller may call it.
    #[must_use]
    pub fn class_for(&self, caller: &Principal, name: &str) -> Option<ToolClass> {
        self.tools
            .get(name)
            .map(|entry| entry.class)
            .filter(|class| self.policy.allows_tool(caller, *class))
    }

    /// Calls a tool for a caller: looked up, authorised by the predicate of
    /// [`Registry::visible`], arguments checked against the schema, run. A
    /// tool that the caller may not call is as unknown as one that does not
    /// exist.
    pub async fn call(
        &self,
        caller: &Principal,
        name: &str,
        arguments: Option<JsonObject>,
    ) -> Outcome {
        let entry = self
            .tools
            .get(name)
            .filter(|entry| self.policy.allows_tool(caller, entry.class));
        let Some(entry) = entry else {
            return Outcome::Unknown;
        };
        let arguments = Value::Object(arguments.unwrap_or_default());
        if let Some(problems) = problems(&entry.arguments, &arguments) {
            return Outcome::Failed(ToolError::new(problems));
        }
        match entry.tool.call(caller, arguments).await {
            Ok(value) => Outcome::Done(value),
            Err(error) => Outcome::Failed(error),
        }
    }
}

/// What is wrong with arguments, at most five problems, each with its place.
fn problems(validator: &Validator, arguments: &Value) -> Option<Cow<'static, str>> {
    if validator.is_valid(arguments) {
        return None;
    }
    let found: Vec<String> = validator
        .iter_errors(arguments)
        .take(5)
        .map(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() {
                "arguments"
            } else {
                place.trim_start_matches('/')
            };
            format!("{place}: {}", error.masked())
        })
        .collect();
    Some(format!("Invalid arguments: {}.", found.join("; ")).into())
}

/// The JSON Schema (2020-12) of a type, everything inlined: some clients do
/// not follow `$ref`.
fn schema_of<T: schemars::JsonSchema>() -> Result<JsonObject, String> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let schema = settings.into_generator().into_root_schema_for::<T>();
    match schema.to_value() {
        Value::Object(mut object) => {
            // Those of the Rust type, which say nothing to a client.
            object.remove("title");
            object.remove("description");
            object
                .entry("properties")
                .or_insert_with(|| Value::Object(JsonObject::new()));
            Ok(object)
        }
        _ => Err("its schema is not an object".to_owned()),
    }
}
