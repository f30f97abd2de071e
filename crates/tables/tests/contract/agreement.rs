//! Filters mean the same to both backends: every comparison of every type,
//! and random combinations, over rows with and without the properties.

use entrada_tables::{Comparison, Filter, Query, Row, Tables, Value, query_all};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use time::macros::datetime;
use uuid::Uuid;

use crate::backends::{Bench, azure, embedded};

/// Values of each type, among which rows and filters choose. Moments are told
/// apart by milliseconds, which is as fine as Azurite compares them.
fn values() -> Vec<(&'static str, Vec<Value>)> {
    let texts = ["", "a", "A", "a'b", "é", "\u{e000}", "🦀", "10", "9"];
    let moments = [
        datetime!(1601-01-01 0:00 UTC),
        datetime!(1969-12-31 23:59:59.999 UTC),
        datetime!(2026-11-21 8:00 UTC),
        datetime!(2026-11-21 8:00:00.001 UTC),
        datetime!(9999-12-31 23:59:59 UTC),
    ];
    let numbers = [i64::MIN, -10, -9, 0, 9, 10, 5_000_000_000, i64::MAX];
    let doubles = [-1e15, -9.5, 0.0, 1e-7, 0.1, 10.0, 9.0, 1e15];
    vec![
        ("text", texts.map(Value::from).to_vec()),
        (
            "int32",
            [i32::MIN, -10, -9, 0, 9, 10, i32::MAX]
                .map(Value::from)
                .to_vec(),
        ),
        ("int64", numbers.map(Value::from).to_vec()),
        ("double", doubles.map(Value::from).to_vec()),
        ("boolean", [true, false].map(Value::from).to_vec()),
        ("moment", moments.map(Value::from).to_vec()),
        (
            "binary",
            [vec![], vec![0], vec![0, 1], vec![255]]
                .map(Value::from)
                .to_vec(),
        ),
        (
            "guid",
            [0, 1, u128::MAX]
                .map(Uuid::from_u128)
                .map(Value::from)
                .to_vec(),
        ),
    ]
}

fn comparisons(value: &Value) -> Vec<Comparison> {
    let mut comparisons = vec![Comparison::Equal, Comparison::NotEqual];
    if !matches!(value, Value::Boolean(_) | Value::Binary(_) | Value::Guid(_)) {
        comparisons.extend([
            Comparison::Greater,
            Comparison::GreaterOrEqual,
            Comparison::Less,
            Comparison::LessOrEqual,
        ]);
    }
    comparisons
}

/// Every comparison of every value with its own property.
fn all_comparisons() -> Vec<Filter> {
    let mut filters = Vec::new();
    for (name, values) in values() {
        for value in values {
            for comparison in comparisons(&value) {
                filters.push(Filter::compare(name, comparison, value.clone()));
            }
        }
    }
    filters
}

fn combinations() -> impl Strategy<Value = Filter> {
    let leaf = prop::sample::select(all_comparisons());
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(first, second)| first.and(second)),
            (inner.clone(), inner.clone()).prop_map(|(first, second)| first.or(second)),
            inner.prop_map(|inner| !inner),
        ]
    })
}

/// Rows that hold each value of each type, some properties missing.
fn rows() -> Vec<Row> {
    (0..12)
        .map(|number| {
            let mut row = Row::new("p", format!("{number:02}"));
            for (index, (name, values)) in values().into_iter().enumerate() {
                if (number + index) % 5 != 0 {
                    row = row.with(name, values[number % values.len()].clone());
                }
            }
            row
        })
        .collect()
}

async fn matched(tables: &dyn Tables, table: &str, filter: &Filter) -> Vec<String> {
    let query = Query::partition("p").filter(filter.clone());
    let rows = query_all(tables, table, &query, 100).await.unwrap();
    rows.into_iter().map(|row| row.row).collect()
}

async fn agree(azure: &Bench, embedded: &Bench, filter: &Filter) {
    let there = matched(azure.tables.as_ref(), &azure.table, filter).await;
    let here = matched(embedded.tables.as_ref(), &embedded.table, filter).await;
    assert!(there == here, "{there:?} there, {here:?} here: {filter:?}");
}

#[tokio::test]
async fn filters_select_the_same_rows_on_both_backends() {
    let Some(azure) = azure().await else {
        return;
    };
    let embedded = embedded().await;
    azure.fill(rows()).await;
    embedded.fill(rows()).await;
    for filter in all_comparisons() {
        agree(&azure, &embedded, &filter).await;
    }
    let mut runner = TestRunner::deterministic();
    for _ in 0..200 {
        let filter = combinations().new_tree(&mut runner).unwrap().current();
        agree(&azure, &embedded, &filter).await;
    }
}
