use std::collections::BTreeMap;

use serde_json::Value;

/// Which way a binding's data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    In,
    Out,
    InOut,
}

/// One entry of `bindings` in a `function.json`. The host looks members up
/// without regard to case.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) direction: Direction,
    members: BTreeMap<String, Value>,
}

/// The pseudo name of an output that takes the function's return value.
pub(super) const RETURN: &str = "$return";

impl Binding {
    /// Reads one entry and checks what every binding needs: `name`, `type` and
    /// `direction` (azure-functions-host, `BindingMetadata.Create` and
    /// `Utility.ValidateBinding`; the host takes a missing `direction` for
    /// "in", which for an output is a mistake that only shows much later).
    pub(super) fn read(entry: &Value) -> Result<Self, String> {
        let Value::Object(object) = entry else {
            return Err("Every entry of 'bindings' must be an object.".into());
        };
        let members: BTreeMap<String, Value> = object
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect();
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let name = text("name").unwrap_or_default().to_owned();
        if !is_valid_name(&name) {
            return Err(format!(
                "The binding name {name} is invalid. Please assign a valid name to the binding."
            ));
        }
        let direction = match text("direction") {
            None => return Err(format!("Binding '{name}' has no 'direction'.")),
            Some(text) => parse_direction(text)?,
        };
        if name.eq_ignore_ascii_case(RETURN) && direction != Direction::Out {
            return Err("$return bindings must specify a direction of 'out'.".into());
        }
        let kind = text("type").unwrap_or_default().to_owned();
        if kind.is_empty() {
            return Err(format!(
                "Binding '{name}' is invalid. Bindings must specify a Type."
            ));
        }
        Ok(Self {
            name,
            kind,
            direction,
            members,
        })
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    pub(super) fn is_trigger(&self) -> bool {
        self.kind.to_ascii_lowercase().ends_with("trigger")
    }

    /// The member `name`, `null` included.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(&name.to_ascii_lowercase())
    }

    /// Every member, names in lower case.
    pub(super) fn members(&self) -> impl Iterator<Item = (String, Value)> {
        self.members
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
    }

    /// Fails unless every one of `names` is present, `null` or not: the host
    /// builds the binding with the constructor that takes them all.
    pub(super) fn require(&self, names: &[&str]) -> Result<(), String> {
        match names.iter().find(|name| self.member(name).is_none()) {
            None => Ok(()),
            Some(missing) => Err(self.unconfigurable(&format!(
                "Can't figure out which ctor to call. ('{missing}' is missing.)"
            ))),
        }
    }

    /// A text member; `None` when absent or `null`.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, String> {
        match self.member(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.unconfigurable(&format!("'{name}' must be a string."))),
        }
    }

    /// A yes or no; no when absent or `null`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, String> {
        match self.member(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(self.unconfigurable(&format!("'{name}' must be true or false."))),
        }
    }

    /// The host's sentence around any error of a binding's members.
    pub(super) fn unconfigurable(&self, reason: &str) -> String {
        format!(
            "Unable to configure binding '{}' of type '{}'. This may indicate invalid function.json properties. {reason}",
            self.name, self.kind
        )
    }
}

/// With a `$return` output the host first tries to read the return value as
/// base64, so that a text like `abcd` turns into bytes. MCP triggers do without.
pub(super) fn refuse_return(bindings: &[Binding]) -> Result<(), String> {
    match bindings.iter().find(|binding| binding.name == RETURN) {
        None => Ok(()),
        Some(_) => Err(
            "A '$return' output makes the host decode results of this function as base64: do not declare it."
                .into(),
        ),
    }
}

fn parse_direction(text: &str) -> Result<Direction, String> {
    match text.to_ascii_lowercase().as_str() {
        "in" => Ok(Direction::In),
        "out" => Ok(Direction::Out),
        "inout" => Ok(Direction::InOut),
        _ => Err(format!("'{text}' is not a valid binding direction.")),
    }
}

/// `^([a-zA-Z][a-zA-Z0-9]{0,127}|\$return)$`
fn is_valid_name(name: &str) -> bool {
    name == RETURN
        || (name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.len() <= 128
            && name.bytes().all(|b| b.is_ascii_alphanumeric()))
}
