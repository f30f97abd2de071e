//! Field names.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Names in a path.
const MOST_NAMES: usize = 8;

/// The place of a value in a record: names with dots between them, such as
/// `address.city`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("maxLength" = 200, "pattern" = r"^[^.]+(\.[^.]+){0,7}$"))]
pub struct FieldPath(String);

/// A text that is no path.
#[derive(Debug, thiserror::Error)]
#[error("a field is 1 to {MOST_NAMES} names with dots between them, none of them empty")]
pub struct FieldPathError;

impl TryFrom<String> for FieldPath {
    type Error = FieldPathError;

    fn try_from(text: String) -> Result<Self, FieldPathError> {
        let sound =
            text.split('.').count() <= MOST_NAMES && text.split('.').all(|name| !name.is_empty());
        sound.then_some(Self(text)).ok_or(FieldPathError)
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> Self {
        path.0
    }
}

impl FieldPath {
    /// The value at this place, if there is one.
    pub(super) fn find<'a>(&self, data: &'a Map<String, Value>) -> Option<&'a Value> {
        let mut names = self.0.split('.');
        let first = data.get(names.next()?)?;
        names.try_fold(first, |value, name| value.as_object()?.get(name))
    }

    /// The name of a member of the record itself; `None` when the value lies
    /// deeper.
    pub(super) fn own_name(&self) -> Option<&str> {
        (!self.0.contains('.')).then_some(&self.0)
    }
}
