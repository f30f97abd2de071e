//! The order of records.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{FieldPath, Scalar};

/// Texts are ordered by their first so many characters: the place of a record
/// in the order travels in a cursor.
const LONGEST: usize = 200;

/// Which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Small ones first.
    #[default]
    Asc,
    /// Great ones first.
    Desc,
}

/// By which field to order. False comes before true, both before numbers, all
/// before texts; records without the field, or with something else in it,
/// come last either way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    /// The field, with dots for nested ones.
    pub field: FieldPath,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

/// The place of a record in an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SortKey {
    value: Option<Scalar>,
    descending: bool,
}

impl Sort {
    /// The place of a record with these data.
    pub(super) fn key(&self, data: &Map<String, Value>) -> SortKey {
        let value = match self.field.find(data).and_then(Scalar::of) {
            Some(Scalar::Text(text)) => Some(Scalar::Text(text.chars().take(LONGEST).collect())),
            Some(Scalar::Null) => None,
            other => other,
        };
        SortKey {
            value,
            descending: self.direction == Direction::Desc,
        }
    }
}

fn order(a: &Scalar, b: &Scalar) -> Ordering {
    let rank = |value: &Scalar| match value {
        Scalar::Flag(_) => 0,
        Scalar::Number(_) => 1,
        Scalar::Text(_) => 2,
        Scalar::Null => 3,
    };
    match (a, b) {
        (Scalar::Flag(a), Scalar::Flag(b)) => a.cmp(b),
        // Adding zero makes both zeros one.
        (Scalar::Number(a), Scalar::Number(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
        (Scalar::Text(a), Scalar::Text(b)) => a.encode_utf16().cmp(b.encode_utf16()),
        _ => rank(a).cmp(&rank(b)),
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.value, &other.value) {
            (Some(a), Some(b)) if self.descending => order(b, a),
            (Some(a), Some(b)) => order(a, b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for SortKey {}
