//! The simplest thing that could be right, to compare with.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use entrada_ambient::{Random as _, SystemRandom};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Map, Value, json};

use tokio::runtime::Runtime;
use uuid::Uuid;

use super::{World, arbitrary, azurite_world, config, world};
use crate::records::{Direction, RecordQuery};

type Data = Map<String, Value>;

fn find<'a>(path: &Value, data: &'a Data) -> Option<&'a Value> {
    let mut found: Option<&Value> = None;
    for name in path.as_str().unwrap().split('.') {
        let members = match found {
            None => data,
            Some(Value::Object(members)) => members,
            Some(_) => return None,
        };
        found = Some(members.get(name)?);
    }
    found
}

/// -1, 0 or 1 for two numbers or two texts.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    if let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) {
        return a.partial_cmp(&b);
    }
    let (a, b) = (a.as_str()?, b.as_str()?);
    let units = |text: &str| text.encode_utf16().collect::<Vec<_>>();
    Some(units(a).cmp(&units(b)))
}

fn same(a: &Value, b: &Value) -> bool {
    a == b || compare(a, b) == Some(Ordering::Equal)
}

/// A filter in its JSON form, decided straight from its words.
fn holds(filter: &Value, data: &Data) -> bool {
    if let Some(members) = filter.get("and") {
        return members
            .as_array()
            .unwrap()
            .iter()
            .all(|one| holds(one, data));
    }
    if let Some(members) = filter.get("or") {
        return members
            .as_array()
            .unwrap()
            .iter()
            .any(|one| holds(one, data));
    }
    let value = &filter["value"];
    let Some(found) = find(&filter["field"], data) else {
        return false;
    };
    let order = compare(found, value);
    match filter["op"].as_str().unwrap() {
        "eq" => same(found, value),
        "ne" => !same(found, value),
        "gt" => order == Some(Ordering::Greater),
        "ge" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        "lt" => order == Some(Ordering::Less),
        "le" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        "contains" => match found {
            Value::String(text) => value.as_str().is_some_and(|part| text.contains(part)),
            Value::Array(elements) => elements
                .iter()
                .any(|one| !one.is_array() && !one.is_object() && same(one, value)),
            _ => false,
        },
        "startswith" => {
            let start = value.as_str();
            start.is_some_and(|start| found.as_str().is_some_and(|text| text.starts_with(start)))
        }
        other => panic!("{other}"),
    }
}

fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::Null => false,
        Value::String(found) => found.to_lowercase().contains(text),
        Value::Array(elements) => elements.iter().any(|one| mentions(one, text)),
        Value::Object(members) => members.values().any(|one| mentions(one, text)),
        other => other.to_string().contains(text),
    }
}

/// Rank and value by which a record is ordered.
fn rank(value: Option<&Value>) -> u8 {
    match value {
        Some(Value::Bool(false)) => 0,
        Some(Value::Bool(true)) => 1,
        Some(Value::Number(_)) => 2,
        Some(Value::String(_)) => 3,
        _ => 4,
    }
}

fn cut(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(text.chars().take(200).collect::<String>()),
        other => other.clone(),
    }
}

/// Whether two neighbours of an answer stand in the order that was asked for.
fn in_order(query: &RecordQuery, first: &Data, second: &Data) -> bool {
    let Some(sort) = &query.sort else {
        return true;
    };
    let path = json!(sort.field);
    let (a, b) = (find(&path, first), find(&path, second));
    let (first_rank, second_rank) = (rank(a), rank(b));
    if first_rank == 4 || second_rank == 4 {
        return first_rank <= second_rank;
    }
    let order = first_rank.cmp(&second_rank).then_with(|| match (a, b) {
        (Some(a), Some(b)) => compare(&cut(a), &cut(b)).unwrap_or(Ordering::Equal),
        _ => Ordering::Equal,
    });
    match sort.direction {
        Direction::Asc => order.is_le(),
        Direction::Desc => order.is_ge(),
    }
}

fn expected(records: &BTreeMap<String, Data>, query: &RecordQuery) -> BTreeMap<String, Data> {
    let filter = query.filters.as_ref().map(|filters| json!(filters));
    let text = query.text.as_ref().map(|text| text.to_lowercase());
    records
        .iter()
        .filter(|(_, data)| filter.as_ref().is_none_or(|filter| holds(filter, data)))
        .filter(|(_, data)| {
            text.as_ref()
                .is_none_or(|text| data.values().any(|value| mentions(value, text)))
        })
        .map(|(id, data)| (id.clone(), data.clone()))
        .collect()
}

/// Every page of a query, in a row.
async fn pages(world: &World, tenant: Uuid, query: &RecordQuery) -> Vec<(String, Data)> {
    let mut query = query.clone();
    let mut all = Vec::new();
    for _ in 0..50 {
        let found = world.records.find_of(tenant, &query).await.unwrap();
        assert!(found.records.len() <= query.limit && !found.cut);
        all.extend(
            found
                .records
                .into_iter()
                .map(|record| (record.record_id, record.data)),
        );
        query.cursor = found.next_cursor;
        if query.cursor.is_none() {
            return all;
        }
    }
    panic!("the pages do not end");
}

/// Saves records, asks queries, compares with the model, deletes again.
async fn try_out(
    world: &World,
    tenant: Uuid,
    records: &BTreeMap<String, Data>,
    queries: &[RecordQuery],
) -> Result<(), TestCaseError> {
    for (id, data) in records {
        world.save(tenant, id, Value::Object(data.clone())).await;
    }
    for query in queries {
        let found = pages(world, tenant, query).await;
        let ordered = found
            .windows(2)
            .all(|pair| in_order(query, &pair[0].1, &pair[1].1));
        prop_assert!(ordered, "{query:?}: {found:?}");
        let count = found.len();
        let found: BTreeMap<_, _> = found.into_iter().collect();
        prop_assert_eq!(found.len(), count, "a record came twice");
        prop_assert_eq!(found, expected(records, query), "{:?}", query);
    }
    for id in records.keys() {
        assert!(world.records.delete_of(tenant, id).await.unwrap());
    }
    Ok(())
}

fn run(config: Config, world: &World, runtime: &Runtime) {
    let records = proptest::collection::btree_map("[a-z]{1,3}", arbitrary::data(), 0..8);
    let queries = proptest::collection::vec(arbitrary::query(), 1..6);
    TestRunner::new(config)
        .run(&(records, queries), |(records, queries)| {
            // Azurite outlives a failed case and a test.
            let tenant = SystemRandom.uuid_v4();
            runtime.block_on(try_out(world, tenant, &records, &queries))
        })
        .unwrap();
}

#[test]
fn every_query_finds_what_the_model_finds_in_the_order_asked_for() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(world());
    run(config(), &world, &runtime);
}

#[test]
fn table_storage_decides_as_the_model_does() {
    let runtime = Runtime::new().unwrap();
    let Some(world) = runtime.block_on(azurite_world()) else {
        return;
    };
    let few = Config {
        cases: config().cases / 10,
        ..config()
    };
    run(few, &world, &runtime);
}
