use entrada_tables::{Condition, ETag, Operation, Row, TableError};
use futures::future::join_all;

use crate::backends::Bench;

fn numbered(row: &str, number: i32) -> Row {
    Row::new("p", row).with("number", number)
}

fn delete(row: &str, condition: Condition) -> Operation {
    Operation::Delete {
        partition: "p".to_owned(),
        row: row.to_owned(),
        condition,
    }
}

pub(crate) async fn a_batch_is_applied_in_full_and_answers_in_order(bench: Bench) {
    bench
        .fill([
            numbered("replaced", 1).with("old", true),
            numbered("merged", 1).with("old", true),
            numbered("deleted", 1),
        ])
        .await;
    let matches = Condition::Matches(bench.row("p", "merged").await.etag.unwrap());
    let operations = [
        Operation::Insert(numbered("inserted", 2)),
        Operation::Replace(numbered("replaced", 2), Condition::Exists),
        delete("deleted", Condition::Exists),
        Operation::Merge(numbered("merged", 2), matches),
        Operation::Merge(numbered("made", 2), Condition::None),
    ];
    let tags = bench.tables.batch(&bench.table, &operations).await.unwrap();
    assert_eq!(tags.len(), 5);
    for (operation, tag) in operations.iter().zip(&tags) {
        let (_, row) = operation.keys();
        if row == "deleted" {
            assert_eq!(*tag, None);
            assert!(!bench.has("p", row).await);
        } else {
            let found = bench.row("p", row).await;
            assert_eq!(found.etag, *tag, "{row}");
            assert_eq!(found.int32("number").unwrap(), 2, "{row}");
            let old = found.optional_boolean("old").unwrap();
            assert_eq!(old.is_some(), row == "merged", "{row}");
        }
    }
}

pub(crate) async fn a_failed_batch_leaves_nothing(bench: Bench) {
    bench
        .fill([numbered("there", 1), numbered("other", 1)])
        .await;
    let operations = [
        Operation::Insert(numbered("new", 2)),
        Operation::Replace(numbered("other", 2), Condition::Exists),
        delete("there", Condition::Exists),
        Operation::Insert(numbered("other again", 2)),
    ];
    let mut failing = operations.to_vec();
    failing[3] = Operation::Replace(numbered("missing", 2), Condition::Exists);
    let result = bench.tables.batch(&bench.table, &failing).await;
    assert!(matches!(result, Err(TableError::NotFound)));
    let mut failing = operations.to_vec();
    failing.insert(0, Operation::Insert(numbered("late", 2)));
    failing[3] = Operation::Insert(numbered("there", 2));
    let result = bench.tables.batch(&bench.table, &failing).await;
    assert!(matches!(result, Err(TableError::AlreadyExists)));

    for row in ["new", "late", "other again"] {
        assert!(!bench.has("p", row).await, "{row}");
    }
    for row in ["there", "other"] {
        let found = bench.row("p", row).await;
        assert_eq!(found.int32("number").unwrap(), 1, "{row}");
    }
    let tags = bench.tables.batch(&bench.table, &operations).await;
    assert_eq!(tags.unwrap().len(), 4);
}

pub(crate) async fn a_stale_etag_fails_the_whole_batch(bench: Bench) {
    let row = numbered("r", 1);
    let stale = bench.tables.insert(&bench.table, &row).await.unwrap();
    let none = Condition::None;
    bench
        .tables
        .replace(&bench.table, &row, &none)
        .await
        .unwrap();
    let stale = Condition::Matches(stale);
    for operation in [
        Operation::Replace(numbered("r", 2), stale.clone()),
        Operation::Merge(numbered("r", 2), stale.clone()),
        delete("r", stale),
    ] {
        let operations = [Operation::Insert(numbered("new", 2)), operation];
        let result = bench.tables.batch(&bench.table, &operations).await;
        assert!(matches!(result, Err(TableError::PreconditionFailed)));
    }
    assert!(!bench.has("p", "new").await);
    assert_eq!(bench.row("p", "r").await.int32("number").unwrap(), 1);
}

pub(crate) async fn a_batch_may_delete_rows_that_are_missing(bench: Bench) {
    bench.fill([numbered("there", 1)]).await;
    let operations = [
        delete("missing", Condition::None),
        Operation::Insert(numbered("new", 1)),
        delete("there", Condition::None),
        delete("missing too", Condition::None),
    ];
    let tags = bench.tables.batch(&bench.table, &operations).await.unwrap();
    let there: Vec<bool> = tags.iter().map(Option::is_some).collect();
    assert_eq!(there, [false, true, false, false]);
    assert_eq!(bench.row("p", "new").await.etag, tags[1]);
    assert!(!bench.has("p", "there").await);

    let only_missing = [delete("missing", Condition::None)];
    let tags = bench.tables.batch(&bench.table, &only_missing).await;
    assert_eq!(tags.unwrap(), [None::<ETag>]);
    let conditional = [
        delete("missing", Condition::None),
        delete("missing too", Condition::Exists),
    ];
    let result = bench.tables.batch(&bench.table, &conditional).await;
    assert!(matches!(result, Err(TableError::NotFound)));
}

pub(crate) async fn an_empty_batch_does_nothing(bench: Bench) {
    let tags = bench.tables.batch(&bench.table, &[]).await.unwrap();
    assert!(tags.is_empty());
}

pub(crate) async fn a_hundred_operations_fit_and_one_more_does_not(bench: Bench) {
    let operations: Vec<Operation> = (0..101)
        .map(|number| Operation::Insert(numbered(&format!("{number:03}"), number)))
        .collect();
    let result = bench.tables.batch(&bench.table, &operations).await;
    let Err(TableError::Invalid { reason }) = result else {
        panic!("101 operations were taken");
    };
    assert!(reason.contains("101") && reason.contains("100"), "{reason}");
    assert!(!bench.has("p", "000").await);
    let tags = bench.tables.batch(&bench.table, &operations[..100]).await;
    assert_eq!(tags.unwrap().iter().flatten().count(), 100);
    assert_eq!(bench.row("p", "099").await.int32("number").unwrap(), 99);
}

pub(crate) async fn a_batch_over_two_partitions_is_refused(bench: Bench) {
    let operations = [
        Operation::Insert(Row::new("p", "1")),
        Operation::Insert(Row::new("q", "2")),
    ];
    let result = bench.tables.batch(&bench.table, &operations).await;
    let Err(TableError::Invalid { reason }) = result else {
        panic!("two partitions were taken");
    };
    assert!(reason.contains("partition"), "{reason}");
    assert!(!bench.has("p", "1").await);
}

pub(crate) async fn a_row_may_be_in_a_batch_only_once(bench: Bench) {
    let operations = [
        Operation::Insert(numbered("r", 1)),
        Operation::Replace(numbered("r", 2), Condition::None),
    ];
    let result = bench.tables.batch(&bench.table, &operations).await;
    assert!(matches!(result, Err(TableError::Invalid { .. })));
    assert!(!bench.has("p", "r").await);
}

pub(crate) async fn of_concurrent_batches_on_the_same_row_exactly_one_wins(bench: Bench) {
    let etag = bench
        .tables
        .insert(&bench.table, &numbered("head", 0))
        .await;
    let condition = Condition::Matches(etag.unwrap());
    let batches: Vec<[Operation; 2]> = (0..20)
        .map(|number| {
            [
                Operation::Insert(numbered(&format!("entry {number}"), number)),
                Operation::Replace(numbered("head", number), condition.clone()),
            ]
        })
        .collect();
    let writes = batches
        .iter()
        .map(|batch| bench.tables.batch(&bench.table, batch));
    let results = join_all(writes).await;
    assert_eq!(results.iter().flatten().count(), 1);
    let winner = bench.row("p", "head").await.int32("number").unwrap();
    for number in 0..20 {
        let there = bench.has("p", &format!("entry {number}")).await;
        assert_eq!(there, number == winner, "entry {number}");
    }
}
