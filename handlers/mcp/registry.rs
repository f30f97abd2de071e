//! The tools of the server, and the one way to list and call them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jsonschema::Validator;
use rmcp::model::{JsonObject, Tool as ToolDefinition};
use serde_json::Value;
use tracing::Instrument as _;

use super::definition::{DefinitionError, Facts, define, problems};
use super::erased::{AnyPublicTool, AnyTool};
use super::{Progress, PublicTool, Tool, ToolError};
use crate::identity::Principal;
use crate::policy::{Policy, ToolClass};
use crate::telemetry::{tool_called, tool_span};

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

impl From<Result<Value, ToolError>> for Outcome {
    fn from(result: Result<Value, ToolError>) -> Self {
        match result {
            Ok(value) => Self::Done(value),
            Err(error) => Self::Failed(error),
        }
    }
}

/// A tool whose types are erased: one that knows its caller, or one that
/// does not.
enum Runner {
    Signed(Box<dyn AnyTool>),
    Open(Box<dyn AnyPublicTool>),
}

struct Entry {
    class: ToolClass,
    definition: ToolDefinition,
    example: Value,
    arguments: Validator,
    runner: Runner,
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
    /// When its name is taken, a schema of its own is not one, or its effects
    /// do not go with its class.
    pub fn with<T: Tool>(self, tool: T) -> Result<Self, DefinitionError> {
        let facts = Facts::of::<T>();
        if T::CLASS == ToolClass::Public {
            return Err(facts.fault("its class is that of public tools alone"));
        }
        let runner = Runner::Signed(Box::new(tool));
        self.insert::<T::Arguments, T::Output>(&facts, T::example(), runner)
    }

    /// Adds a tool that answers anybody.
    ///
    /// # Errors
    /// As for [`Registry::with`].
    pub fn with_public<T: PublicTool>(self, tool: T) -> Result<Self, DefinitionError> {
        let facts = Facts::of_public::<T>();
        let runner = Runner::Open(Box::new(tool));
        self.insert::<T::Arguments, T::Output>(&facts, T::example(), runner)
    }

    fn insert<A, O>(
        mut self,
        facts: &Facts,
        example: Value,
        runner: Runner,
    ) -> Result<Self, DefinitionError>
    where
        A: schemars::JsonSchema,
        O: schemars::JsonSchema,
    {
        let (definition, arguments) = define::<A, O>(facts, &example)?;
        let entry = Entry {
            class: facts.class,
            definition,
            example,
            arguments,
            runner,
        };
        if self.tools.insert(facts.name, entry).is_some() {
            return Err(facts.fault("its name is taken"));
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

    /// The set of classes that the caller sees: bit n for the class n of
    /// [`ToolClass::ALL`].
    pub(super) fn classes(&self, caller: &Principal) -> usize {
        let seen = ToolClass::ALL.map(|class| self.policy.allows_tool(caller, class));
        seen.into_iter()
            .rev()
            .fold(0, |set, sees| set << 1 | usize::from(sees))
    }

    /// Whether all of these are public tools.
    pub(super) fn are_public(&self, tools: &[ToolDefinition]) -> bool {
        tools.iter().all(|tool| self.is_public(&tool.name))
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
        self.visible_entry(caller, name).map(|entry| entry.class)
    }

    /// Whether a tool of this name answers anybody.
    #[must_use]
    pub fn is_public(&self, name: &str) -> bool {
        self.tools
            .get(name)
            .is_some_and(|entry| entry.class == ToolClass::Public)
    }

    fn visible_entry(&self, caller: &Principal, name: &str) -> Option<&Entry> {
        self.tools
            .get(name)
            .filter(|entry| self.policy.allows_tool(caller, entry.class))
    }

    /// The tool of a call that would destroy something, if it would be made:
    /// the caller may, and the arguments are good. Tools that write may
    /// replace something, but to ask each time would teach people to say yes.
    pub(super) fn destructive_call(
        &self,
        caller: &Principal,
        name: &str,
        arguments: Option<&JsonObject>,
    ) -> Option<&ToolDefinition> {
        let entry = self.visible_entry(caller, name)?;
        let hints = entry.definition.annotations.as_ref()?;
        let destroys = matches!(entry.class, ToolClass::Delete | ToolClass::Admin)
            && hints.destructive_hint == Some(true);
        if !destroys {
            return None;
        }
        let arguments = Value::Object(arguments.cloned().unwrap_or_default());
        entry
            .arguments
            .is_valid(&arguments)
            .then_some(&entry.definition)
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
        progress: &Progress,
    ) -> Outcome {
        let Some(entry) = self.visible_entry(caller, name) else {
            return Outcome::Unknown;
        };
        let arguments = match entry.check(arguments) {
            Ok(arguments) => arguments,
            Err(error) => return Outcome::Failed(error),
        };
        let known_name = self
            .tools
            .get_key_value(name)
            .map_or("", |(known, _)| *known);
        let running = async {
            match &entry.runner {
                Runner::Signed(tool) => tool.call(caller, arguments, progress).await,
                Runner::Open(tool) => tool.call(arguments).await,
            }
        };
        let outcome = Outcome::from(running.instrument(tool_span(known_name)).await);
        let came_of_it = match &outcome {
            Outcome::Done(_) => "done",
            Outcome::Failed(_) | Outcome::Unknown => "failed",
        };
        tool_called(known_name, came_of_it);
        outcome
    }

    /// Calls a tool for somebody without a token. Only public ones exist for
    /// them.
    pub async fn call_anonymously(&self, name: &str, arguments: Option<JsonObject>) -> Outcome {
        let Some(entry) = self.tools.get(name) else {
            return Outcome::Unknown;
        };
        let Runner::Open(tool) = &entry.runner else {
            return Outcome::Unknown;
        };
        match entry.check(arguments) {
            Ok(arguments) => tool.call(arguments).await.into(),
            Err(error) => Outcome::Failed(error),
        }
    }
}

impl Entry {
    fn check(&self, arguments: Option<JsonObject>) -> Result<Value, ToolError> {
        let arguments = Value::Object(arguments.unwrap_or_default());
        match problems(&self.arguments, &arguments) {
            None => Ok(arguments),
            Some(problems) => Err(ToolError::new(problems)),
        }
    }
}
