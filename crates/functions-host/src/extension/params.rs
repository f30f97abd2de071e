use serde_json::Value;
use serde_json::value::RawValue;

use crate::json;

/// Members of an object in their order, values as they were written.
pub(crate) type Members = Vec<(String, Box<RawValue>)>;

/// The members of an object, the last of each name.
pub(super) struct Params(Members);

impl Params {
    /// Of `params` that are absent or no object: none.
    pub(super) fn read(params: Option<&RawValue>) -> Self {
        params.and_then(Self::of_object).unwrap_or(Self(Vec::new()))
    }

    pub(super) fn of_object(value: &RawValue) -> Option<Self> {
        let members = json::members(&mut serde_json::Deserializer::from_str(value.get())).ok()?;
        let mut last: Members = Vec::with_capacity(members.len());
        for (name, value) in members {
            match last.iter_mut().find(|(other, _)| *other == name) {
                Some(member) => member.1 = value,
                None => last.push((name, value)),
            }
        }
        Some(Self(last))
    }

    pub(super) fn into_members(self) -> Members {
        self.0
    }

    /// A member that is there and not `null`.
    pub(super) fn get(&self, name: &str) -> Option<&RawValue> {
        self.0
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_ref())
            .filter(|value| value.get() != "null")
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        match serde_json::from_str(self.get(name)?.get()) {
            Ok(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}

/// Those of `required` that `given` lacks or has as `null`: the extension's one
/// check of arguments.
pub(super) fn missing<'a>(
    required: impl Iterator<Item = &'a str>,
    given: Option<&[(String, Box<RawValue>)]>,
) -> Option<String> {
    let is_given = |name: &str| {
        given
            .into_iter()
            .flatten()
            .any(|(other, value)| other == name && value.get() != "null")
    };
    let missing: Vec<&str> = required.filter(|name| !is_given(name)).collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}
