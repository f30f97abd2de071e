//! The embedded backend against a model that is simple enough to believe.

use std::collections::BTreeMap;
use std::sync::Arc;

use entrada_ambient::ManualClock;
use entrada_tables::{
    Condition, ETag, EmbeddedTables, Operation, Query, Row, RowRange, TableError, Tables, query_all,
};
use proptest::prelude::*;
use time::OffsetDateTime;

const TABLE: &str = "entradaModel";

/// What is done, with rows named by small numbers so that they meet.
#[derive(Debug, Clone)]
enum Step {
    Write(Vec<(Kind, u8, Version)>, u8),
    Range(u8, Option<u8>, Option<u8>, u32),
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Insert,
    Replace,
    Merge,
    Delete,
}

/// Which condition is given.
#[derive(Debug, Clone, Copy)]
enum Version {
    None,
    Exists,
    Current,
    Stale,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        Just(Kind::Insert),
        Just(Kind::Replace),
        Just(Kind::Merge),
        Just(Kind::Delete)
    ];
    let version = prop_oneof![
        Just(Version::None),
        Just(Version::Exists),
        Just(Version::Current),
        Just(Version::Stale)
    ];
    let changes = prop::collection::vec((kind, 0..6_u8, version), 1..4);
    let bound = || prop::option::of(0..7_u8);
    prop_oneof![
        4 => (changes, 0..3_u8).prop_map(|(changes, partition)| Step::Write(changes, partition)),
        1 => (0..3_u8, bound(), bound(), 1..5_u32)
            .prop_map(|(partition, from, to, limit)| Step::Range(partition, from, to, limit)),
    ]
}

type Stored = (ETag, BTreeMap<String, i32>);

/// Rows by partition and key.
#[derive(Default)]
struct Model {
    rows: BTreeMap<(String, String), Stored>,
    /// A version that was current once, for each row that ever was.
    stale: BTreeMap<(String, String), ETag>,
}

impl Model {
    fn condition(&self, keys: &(String, String), version: Version) -> Condition {
        let current = self.rows.get(keys).map(|(etag, _)| etag.clone());
        match version {
            Version::None => Condition::None,
            Version::Exists => Condition::Exists,
            Version::Current => current.map_or(Condition::Exists, Condition::Matches),
            Version::Stale => {
                let stale = self.stale.get(keys).cloned();
                stale.map_or(Condition::Exists, Condition::Matches)
            }
        }
    }

    /// What the first change that cannot be applied answers.
    fn refusal(&self, operation: &Operation) -> Option<TableError> {
        let (partition, row) = operation.keys();
        let current = self.rows.get(&(partition.to_owned(), row.to_owned()));
        let condition = match operation {
            Operation::Insert(_) => return current.map(|_| TableError::AlreadyExists),
            Operation::Replace(_, condition)
            | Operation::Merge(_, condition)
            | Operation::Delete { condition, .. } => condition,
        };
        match (condition, current) {
            (Condition::None, _) | (Condition::Exists, Some(_)) => None,
            (_, None) => Some(TableError::NotFound),
            (Condition::Matches(wanted), Some((etag, _))) => {
                (wanted != etag).then_some(TableError::PreconditionFailed)
            }
        }
    }

    fn apply(&mut self, operation: &Operation, tag: Option<ETag>) {
        let (partition, row) = operation.keys();
        let keys = (partition.to_owned(), row.to_owned());
        let old = self.rows.remove(&keys);
        if let Some((etag, _)) = &old {
            self.stale.insert(keys.clone(), etag.clone());
        }
        let (written, mut properties) = match operation {
            Operation::Insert(row) | Operation::Replace(row, _) => (row, BTreeMap::new()),
            Operation::Merge(row, _) => (row, old.map(|(_, old)| old).unwrap_or_default()),
            Operation::Delete { .. } => return,
        };
        properties.extend(numbers(written));
        self.rows.insert(keys, (tag.unwrap(), properties));
    }
}

fn numbers(row: &Row) -> BTreeMap<String, i32> {
    let numbers = row.properties.keys();
    numbers
        .map(|name| (name.clone(), row.int32(name).unwrap()))
        .collect()
}

fn operation(model: &Model, change: (Kind, u8, Version), partition: u8, number: i32) -> Operation {
    let (kind, row, version) = change;
    let keys = (format!("p{partition}"), format!("r{row}"));
    let condition = model.condition(&keys, version);
    let written = Row::new(&keys.0, &keys.1).with(format!("n{}", number % 3), number);
    match kind {
        Kind::Insert => Operation::Insert(written),
        Kind::Replace => Operation::Replace(written, condition),
        Kind::Merge => Operation::Merge(written, condition),
        Kind::Delete => Operation::Delete {
            partition: keys.0,
            row: keys.1,
            condition,
        },
    }
}

async fn write(tables: &EmbeddedTables, model: &mut Model, operations: &[Operation]) {
    // A single operation takes the way of its own method.
    let result = match operations {
        [Operation::Insert(row)] => tables.insert(TABLE, row).await.map(|tag| vec![Some(tag)]),
        [Operation::Replace(row, condition)] => {
            let tag = tables.replace(TABLE, row, condition).await;
            tag.map(|tag| vec![Some(tag)])
        }
        [Operation::Merge(row, condition)] => {
            let tag = tables.merge(TABLE, row, condition).await;
            tag.map(|tag| vec![Some(tag)])
        }
        [
            Operation::Delete {
                partition,
                row,
                condition,
            },
        ] => {
            let deleted = tables.delete(TABLE, partition, row, condition).await;
            deleted.map(|()| vec![None])
        }
        several => tables.batch(TABLE, several).await,
    };
    let refusal = operations
        .iter()
        .find_map(|operation| model.refusal(operation));
    match (result, refusal) {
        (Ok(tags), None) => {
            assert_eq!(tags.len(), operations.len());
            for (operation, tag) in operations.iter().zip(tags) {
                model.apply(operation, tag);
            }
        }
        (Err(error), Some(expected)) => assert_eq!(error.to_string(), expected.to_string()),
        (result, expected) => panic!("{result:?}, expected {expected:?}"),
    }
}

async fn read(tables: &EmbeddedTables, model: &Model, partition: &str, rows: RowRange, limit: u32) {
    let query = Query::partition(partition).rows(rows.clone()).limit(limit);
    let found = query_all(tables, TABLE, &query, 100).await.unwrap();
    let RowRange::Between { from, to } = rows else {
        unreachable!("only bounds are asked for");
    };
    let expected: Vec<_> = model
        .rows
        .iter()
        .filter(|((p, row), _)| {
            p == partition
                && from.as_ref().is_none_or(|from| row >= from)
                && to.as_ref().is_none_or(|to| row < to)
        })
        .collect();
    assert_eq!(found.len(), expected.len());
    for (found, ((_, row), (etag, properties))) in found.iter().zip(expected) {
        assert_eq!(&found.row, row);
        assert_eq!(found.etag.as_ref(), Some(etag));
        assert_eq!(&numbers(found), properties);
    }
}

async fn run(steps: Vec<Step>) {
    let clock = ManualClock::at(OffsetDateTime::UNIX_EPOCH);
    let tables = EmbeddedTables::in_memory(Arc::new(clock)).unwrap();
    tables.create_table(TABLE).await.unwrap();
    let mut model = Model::default();
    let mut number = 0;
    for step in steps {
        match step {
            Step::Write(mut changes, partition) => {
                changes.sort_by_key(|(_, row, _)| *row);
                changes.dedup_by_key(|(_, row, _)| *row);
                let operations: Vec<Operation> = changes
                    .into_iter()
                    .map(|change| {
                        number += 1;
                        operation(&model, change, partition, number)
                    })
                    .collect();
                write(&tables, &mut model, &operations).await;
            }
            Step::Range(partition, from, to, limit) => {
                let bound = |row: Option<u8>| row.map(|row| format!("r{row}"));
                let rows = RowRange::Between {
                    from: bound(from),
                    to: bound(to),
                };
                read(&tables, &model, &format!("p{partition}"), rows, limit).await;
            }
        }
    }
    for partition in 0..3_u8 {
        let all = RowRange::Between {
            from: None,
            to: None,
        };
        read(&tables, &model, &format!("p{partition}"), all, 3).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_embedded_backend_does_what_a_simple_model_does(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(steps));
    }
}
