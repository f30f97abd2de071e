//! What is asked for, and what is found.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Filters, Record, Sort};

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordQuery {
    /// A text that some value must have in it, whatever the case.
    pub text: Option<String>,
    /// What records must meet.
    pub filters: Option<Filters>,
    /// The order; without one it is arbitrary, and the same every time.
    pub sort: Option<Sort>,
    /// Records in the answer, at most.
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// What is found.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Found {
    /// The records.
    pub records: Vec<Record>,
    /// How many they are.
    pub count: usize,
    /// Give it back as `cursor` for the next page; null when this was the
    /// last.
    pub next_cursor: Option<String>,
    /// Rows that were looked at.
    pub scanned: usize,
    /// Whether looking was cut short. Without an order the next page goes on
    /// from there; with one, only the rows that were looked at are ordered.
    pub cut: bool,
}

/// What records must meet, ready to be asked of each.
pub(super) struct Criteria<'a> {
    text: Option<String>,
    filters: Option<&'a Filters>,
}

impl<'a> Criteria<'a> {
    pub(super) fn new(query: &'a RecordQuery) -> Self {
        Self {
            text: query.text.as_ref().map(|text| text.to_lowercase()),
            filters: query.filters.as_ref(),
        }
    }

    pub(super) fn met_by(&self, data: &Map<String, Value>) -> bool {
        self.filters.is_none_or(|filters| filters.match_data(data))
            && self
                .text
                .as_ref()
                .is_none_or(|text| data.values().any(|value| mentions(value, text)))
    }
}

/// Whether a value has `text`, which is in small letters, in it.
fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => flag.to_string().contains(text),
        Value::Number(number) => number.to_string().contains(text),
        Value::String(found) => found.to_lowercase().contains(text),
        Value::Array(elements) => elements.iter().any(|element| mentions(element, text)),
        Value::Object(members) => members.values().any(|member| mentions(member, text)),
    }
}
