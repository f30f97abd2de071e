//! A single condition on a record.

use std::cmp::Ordering;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::FieldPath;

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operator {
    /// The same.
    Eq,
    /// There, and not the same.
    Ne,
    /// Greater.
    Gt,
    /// Greater or the same.
    Ge,
    /// Less.
    Lt,
    /// Less or the same.
    Le,
    /// A text that has the value in it, or a list with the value as an
    /// element.
    Contains,
    /// A text that begins with the value.
    StartsWith,
}

/// A value to compare with. Numbers compare as 64-bit floating point numbers,
/// texts by their UTF-16 units, as Table Storage does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// True or false.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Null.
    Null,
}

/// One field compared with one value. A record without the field is never
/// matched; a value of another type differs and has no order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The field, with dots for nested ones: `address.city`.
    pub field: FieldPath,
    /// How to compare.
    #[schemars(schema_with = "operator_schema")]
    pub op: Operator,
    /// What to compare with.
    #[schemars(schema_with = "scalar_schema")]
    pub value: Scalar,
}

/// Short, since it stands several times in the schema of filters and every
/// word of it is read by a model.
fn operator_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "enum": ["eq", "ne", "gt", "ge", "lt", "le", "contains", "startswith"],
    })
}

fn scalar_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "number", "boolean", "null"], "maxLength": 1000})
}

impl Scalar {
    /// The scalar that a JSON value is; `None` for lists and objects.
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// How this compares with `other`; `None` where there is no order.
    fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.partial_cmp(b),
            (Self::Text(a), Self::Text(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
            _ => None,
        }
    }
}

impl Condition {
    /// Whether a record's data meet it.
    pub(super) fn matches(&self, data: &Map<String, Value>) -> bool {
        let Some(found) = self.field.find(data) else {
            return false;
        };
        let scalar = Scalar::of(found);
        let same = scalar.as_ref() == Some(&self.value);
        let order = scalar.and_then(|scalar| scalar.order(&self.value));
        match self.op {
            Operator::Eq => same,
            Operator::Ne => !same,
            Operator::Gt => order == Some(Ordering::Greater),
            Operator::Ge => order.is_some_and(Ordering::is_ge),
            Operator::Lt => order == Some(Ordering::Less),
            Operator::Le => order.is_some_and(Ordering::is_le),
            Operator::Contains => self.is_in(found),
            Operator::StartsWith => match (found, &self.value) {
                (Value::String(text), Scalar::Text(start)) => text.starts_with(start),
                _ => false,
            },
        }
    }

    fn is_in(&self, found: &Value) -> bool {
        match (found, &self.value) {
            (Value::String(text), Scalar::Text(part)) => text.contains(part),
            (Value::Array(elements), value) => elements
                .iter()
                .any(|element| Scalar::of(element).as_ref() == Some(value)),
            _ => false,
        }
    }
}
