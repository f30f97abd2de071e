//! Inputs of tests: hostile ones among them.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::records::{
    Clause, Condition, Direction, FieldPath, Filters, Group, Operator, RecordQuery, Scalar, Sort,
};

/// Texts that mean something to somebody: `OData`, SQL, addresses, JSON,
/// Table Storage's keys.
pub(super) const HOSTILE: &[&str] = &[
    "' or 1 eq 1 or 'a' eq '",
    "' or PartitionKey ne '",
    "') or (PartitionKey ge '",
    "x' and RowKey gt '",
    "''",
    "'",
    "\"; DROP TABLE records; --",
    "1 eq 1",
    "%27%20or%201%20eq%201",
    "%00",
    "a\0b",
    "../../00000000-0000-0000-0000-000000000002",
    "00000000-0000-0000-0000-000000000002",
    "\u{2019} or true or \u{2019}",
    "\u{ff07} or 1 eq 1",
    "incomplete",
    "document_0",
    "PartitionKey",
    "&$filter=true&$top=9",
    "#?/\\",
    "😀\u{202e}\u{200b}",
    "\u{ffff}",
    "null",
    "datetime'2020-01-01T00:00:00Z'",
    "{\"and\": []}",
];

/// Field names, few enough that records and queries meet.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned),
        1 => proptest::sample::select(HOSTILE).prop_map(|text| text.replace('.', "_")),
    ]
}

fn path() -> impl Strategy<Value = FieldPath> {
    proptest::collection::vec(name(), 1..3)
        .prop_map(|names| FieldPath::try_from(names.join(".")).unwrap())
}

pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => proptest::sample::select(vec!["", "x", "xy", "y", "Z"]).prop_map(str::to_owned),
        2 => proptest::sample::select(HOSTILE).prop_map(str::to_owned),
        1 => ".{0,300}",
    ]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => proptest::sample::select(vec![0.0, -0.0, 1.0, -1.0, 2.5, 1e15, 1e300, 5e-324, 1e-7]),
        1 => proptest::num::f64::NORMAL,
    ]
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        1 => any::<bool>().prop_map(Scalar::Flag),
        3 => number().prop_map(Scalar::Number),
        5 => text().prop_map(Scalar::Text),
        1 => Just(Scalar::Null),
    ]
}

fn json_scalar() -> impl Strategy<Value = Value> {
    scalar().prop_map(|scalar| match scalar {
        Scalar::Flag(flag) => json!(flag),
        Scalar::Number(number) => json!(number),
        Scalar::Text(text) => json!(text),
        Scalar::Null => Value::Null,
    })
}

/// Data of a record, up to three levels deep.
pub(super) fn data() -> impl Strategy<Value = Map<String, Value>> {
    let value = json_scalar().prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(name(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    proptest::collection::btree_map(name(), value, 0..5)
        .prop_map(|members| members.into_iter().collect())
}

fn condition() -> impl Strategy<Value = Condition> {
    let operator = proptest::sample::select(vec![
        Operator::Eq,
        Operator::Ne,
        Operator::Gt,
        Operator::Ge,
        Operator::Lt,
        Operator::Le,
        Operator::Contains,
        Operator::StartsWith,
    ]);
    (path(), operator, scalar()).prop_map(|(field, op, value)| Condition { field, op, value })
}

fn group<T: std::fmt::Debug>(
    member: impl Strategy<Value = T>,
    most: usize,
) -> impl Strategy<Value = Group<T>> {
    (any::<bool>(), proptest::collection::vec(member, 1..=most)).prop_map(|(all, members)| {
        if all {
            Group::And(members)
        } else {
            Group::Or(members)
        }
    })
}

pub(super) fn filters() -> impl Strategy<Value = Filters> {
    let clause = prop_oneof![
        3 => condition().prop_map(Clause::Condition),
        1 => group(condition(), 4).prop_map(Clause::Group),
    ];
    group(clause, 5)
}

pub(super) fn query() -> impl Strategy<Value = RecordQuery> {
    let sort = (path(), any::<bool>()).prop_map(|(field, descending)| Sort {
        field,
        direction: if descending {
            Direction::Desc
        } else {
            Direction::Asc
        },
    });
    (
        proptest::option::weighted(0.3, text()),
        proptest::option::weighted(0.7, filters()),
        proptest::option::of(sort),
        1..6_usize,
    )
        .prop_map(|(text, filters, sort, limit)| RecordQuery {
            text,
            filters,
            sort,
            limit,
            cursor: None,
        })
}
