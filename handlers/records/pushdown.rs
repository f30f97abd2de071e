//! The part of a filter that Table Storage can decide.
//!
//! It lets through every row that the whole filter matches, and maybe more;
//! the whole filter is decided on the record itself afterwards. So what
//! storage cannot decide may be left out of an `and`, and makes an `or`
//! undecidable.

use entrada_tables::{Comparison, Filter};

use super::columns::{Column, INCOMPLETE};
use super::{Clause, Condition, Filters, Group, Operator, Scalar};

/// Comparisons that a filter may have here: the storage layer takes twelve,
/// and one is that of incomplete rows.
const COMPARISONS: usize = 11;
/// Bytes of all comparisons: the filter travels in an address.
const BYTES: usize = 3_000;

/// What is left of a filter's size.
#[derive(Debug, Clone, Copy)]
struct Budget {
    comparisons: usize,
    bytes: usize,
}

/// What storage is asked to leave out; `None` for nothing.
pub(super) fn pushdown(filters: &Filters) -> Option<Filter> {
    let mut budget = Budget {
        comparisons: COMPARISONS,
        bytes: BYTES,
    };
    let decided = group(filters, &mut budget, |clause, budget| match clause {
        Clause::Condition(condition) => comparison(condition, budget),
        Clause::Group(inner) => group(inner, budget, comparison),
    })?;
    Some(decided.or(Filter::eq(INCOMPLETE, true)))
}

fn group<T>(
    group: &Group<T>,
    budget: &mut Budget,
    decide: impl Fn(&T, &mut Budget) -> Option<Filter>,
) -> Option<Filter> {
    match group {
        Group::And(members) => members
            .iter()
            .filter_map(|member| decide(member, budget))
            .reduce(Filter::and),
        Group::Or(members) => {
            let mut left = *budget;
            let decided: Option<Vec<Filter>> = members
                .iter()
                .map(|member| decide(member, &mut left))
                .collect();
            let any = decided?.into_iter().reduce(Filter::or)?;
            *budget = left;
            Some(any)
        }
    }
}

fn comparison(condition: &Condition, budget: &mut Budget) -> Option<Filter> {
    let has_order = matches!(condition.value, Scalar::Number(_) | Scalar::Text(_));
    let comparison = match condition.op {
        Operator::Eq => Comparison::Equal,
        Operator::Gt if has_order => Comparison::Greater,
        Operator::Ge if has_order => Comparison::GreaterOrEqual,
        Operator::Lt if has_order => Comparison::Less,
        Operator::Le if has_order => Comparison::LessOrEqual,
        // What begins with a text is not less than it.
        Operator::StartsWith if matches!(condition.value, Scalar::Text(_)) => {
            Comparison::GreaterOrEqual
        }
        // `ne` is true of other types too, which are other properties.
        _ => return None,
    };
    if condition.value == Scalar::Text(String::new()) {
        return None;
    }
    let column = Column::of(condition.field.own_name()?, &condition.value)?;
    let bytes = column.name.len() + literal_bytes(&condition.value) + 20;
    budget.bytes = budget.bytes.checked_sub(bytes)?;
    budget.comparisons = budget.comparisons.checked_sub(1)?;
    Some(Filter::compare(column.name, comparison, column.value))
}

/// Bytes of a value in a filter, at most: quotes are doubled there.
fn literal_bytes(value: &Scalar) -> usize {
    match value {
        Scalar::Text(text) => text.len() + text.matches('\'').count() + 2,
        Scalar::Flag(_) | Scalar::Number(_) | Scalar::Null => 32,
    }
}
