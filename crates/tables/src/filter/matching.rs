use std::cmp::Ordering;

use super::{Comparison, Filter};
use crate::value::to_tick;
use crate::{Row, Value};

/// Whether `filter` matches `row`.
pub(super) fn matches(filter: &Filter, row: &Row) -> bool {
    match filter {
        Filter::Compare {
            name,
            comparison,
            value,
        } => row
            .value(name)
            .is_some_and(|found| compare(found, *comparison, value)),
        Filter::And(first, second) => matches(first, row) && matches(second, row),
        Filter::Or(first, second) => matches(first, row) || matches(second, row),
        Filter::Not(inner) => !matches(inner, row),
    }
}

fn compare(found: &Value, comparison: Comparison, wanted: &Value) -> bool {
    let order = order(found, wanted);
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => order.is_some_and(Ordering::is_le),
    }
}

/// How two values of the same type compare; `None` for two types.
fn order(found: &Value, wanted: &Value) -> Option<Ordering> {
    match (found, wanted) {
        (Value::String(a), Value::String(b)) => Some(a.encode_utf16().cmp(b.encode_utf16())),
        (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
        (Value::Int32(a), Value::Int32(b)) => Some(a.cmp(b)),
        (Value::Int64(a), Value::Int64(b)) => Some(a.cmp(b)),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Binary(a), Value::Binary(b)) => Some(a.cmp(b)),
        (Value::DateTime(a), Value::DateTime(b)) => Some(to_tick(*a).cmp(&to_tick(*b))),
        (Value::Guid(a), Value::Guid(b)) => Some(a.cmp(b)),
        _ => None,
    }
}
