//! A tool's definition: what clients are told, and what calls are checked
//! against.

use std::borrow::Cow;
use std::sync::Arc;

use jsonschema::Validator;
use rmcp::model::{JsonObject, Tool as ToolDefinition, ToolAnnotations};
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;
use thiserror::Error;

use super::portable::portable;
use super::{Effects, PublicTool, Tool};
use crate::policy::ToolClass;

/// A fault in a tool's own definition.
#[derive(Debug, Error)]
#[error("tool `{tool}`: {what}")]
pub struct DefinitionError {
    tool: &'static str,
    what: Cow<'static, str>,
}

/// What a tool says of itself beside its types.
pub(super) struct Facts {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    pub(super) class: ToolClass,
    pub(super) effects: Effects,
}

impl Facts {
    pub(super) fn of<T: Tool>() -> Self {
        Self {
            name: T::NAME,
            title: T::TITLE,
            description: T::DESCRIPTION,
            class: T::CLASS,
            effects: T::EFFECTS,
        }
    }

    pub(super) fn of_public<T: PublicTool>() -> Self {
        Self {
            name: T::NAME,
            title: T::TITLE,
            description: T::DESCRIPTION,
            class: ToolClass::Public,
            effects: Effects::READS,
        }
    }

    pub(super) fn fault(&self, what: impl Into<Cow<'static, str>>) -> DefinitionError {
        DefinitionError {
            tool: self.name,
            what: what.into(),
        }
    }

    /// Hints that contradict the class would have clients ask people about
    /// the wrong calls.
    fn check_effects(&self) -> Result<(), DefinitionError> {
        let Effects {
            read_only,
            destructive,
            ..
        } = self.effects;
        let sound = match self.class {
            ToolClass::Read | ToolClass::Public => read_only && !destructive,
            ToolClass::Write => !read_only,
            ToolClass::Delete => !read_only && destructive,
            ToolClass::Admin => !(read_only && destructive),
        };
        if sound {
            Ok(())
        } else {
            Err(self.fault("its effects contradict its class"))
        }
    }
}

/// What the tool `T` says of itself, without making one.
///
/// # Errors
/// When its definition is at fault.
pub(super) fn definition_of<T: Tool>() -> Result<ToolDefinition, DefinitionError> {
    let (definition, _) = define::<T::Arguments, T::Output>(&Facts::of::<T>(), &T::example())?;
    Ok(definition)
}

/// As [`definition_of`], of a tool that answers anybody.
///
/// # Errors
/// When its definition is at fault.
pub(super) fn definition_of_public<T: PublicTool>() -> Result<ToolDefinition, DefinitionError> {
    let facts = Facts::of_public::<T>();
    let (definition, _) = define::<T::Arguments, T::Output>(&facts, &T::example())?;
    Ok(definition)
}

/// The definition of a tool that takes `A` and gives `O`, and what its
/// arguments are checked by.
pub(super) fn define<A: JsonSchema, O: JsonSchema>(
    facts: &Facts,
    example: &Value,
) -> Result<(ToolDefinition, Validator), DefinitionError> {
    facts.check_effects()?;
    let fault = |what: String| facts.fault(what);
    let input = schema_of::<A>().map_err(fault)?;
    let output = schema_of::<O>().map_err(fault)?;
    if input.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Err(facts.fault("its arguments take unknown members: add deny_unknown_fields"));
    }
    let arguments = jsonschema::validator_for(&Value::Object(input.clone()))
        .map_err(|error| fault(error.to_string()))?;
    if let Err(error) = arguments.validate(example) {
        return Err(fault(format!("its example is not valid: {error}")));
    }
    // Arguments are checked by the schema as it was, which names faults
    // better; what is published means the same.
    let mut input = portable(input);
    input.insert("examples".to_owned(), Value::from(vec![example.clone()]));
    let annotations = ToolAnnotations::with_title(facts.title)
        .read_only(facts.effects.read_only)
        .destructive(facts.effects.destructive)
        .idempotent(facts.effects.idempotent)
        .open_world(facts.effects.open_world);
    let definition = ToolDefinition::new(facts.name, facts.description, Arc::new(input))
        .with_title(facts.title)
        .with_raw_output_schema(Arc::new(portable(output)))
        .with_annotations(annotations);
    Ok((definition, arguments))
}

/// What is wrong with arguments, at most five problems, each with its place.
pub(super) fn problems(validator: &Validator, arguments: &Value) -> Option<Cow<'static, str>> {
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
fn schema_of<T: JsonSchema>() -> Result<JsonObject, String> {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(RecursiveTransform(without_number_format));
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

/// JSON Schema defines formats of strings alone (2020-12 Validation, section
/// 7.3). Those that name Rust's number types, such as `uint8`, make strict
/// clients warn of an unknown format with every list of tools.
fn without_number_format(schema: &mut Schema) {
    let is_number = |kind: &Value| matches!(kind.as_str(), Some("integer" | "number"));
    let of_number = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(is_number),
        Some(kind) => is_number(kind),
        None => false,
    };
    if of_number {
        schema.remove("format");
    }
}
