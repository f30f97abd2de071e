use std::collections::HashSet;

use entrada_tables::{Condition, Row, TableError};
use futures::future::join_all;

use crate::backends::Bench;

pub(crate) async fn a_stale_etag_is_refused_by_replace_merge_and_delete(bench: Bench) {
    let (tables, table) = (&bench.tables, &bench.table);
    let row = Row::new("p", "r").with("a", 1);
    let first = tables.insert(table, &row).await.unwrap();
    let matches = Condition::Matches(first.clone());
    let second = tables.replace(table, &row, &matches).await.unwrap();

    let changed = Row::new("p", "r").with("a", 2);
    let replaced = tables.replace(table, &changed, &matches).await;
    assert!(matches!(replaced, Err(TableError::PreconditionFailed)));
    let merged = tables.merge(table, &changed, &matches).await;
    assert!(matches!(merged, Err(TableError::PreconditionFailed)));
    let deleted = tables.delete(table, "p", "r", &matches).await;
    assert!(matches!(deleted, Err(TableError::PreconditionFailed)));

    let found = bench.row("p", "r").await;
    assert_eq!(found.int32("a").unwrap(), 1);
    assert_eq!(found.etag, Some(second.clone()));
    let matches = Condition::Matches(second);
    tables.delete(table, "p", "r", &matches).await.unwrap();
    assert!(!bench.has("p", "r").await);
}

pub(crate) async fn every_write_gives_another_etag(bench: Bench) {
    let (tables, table) = (&bench.tables, &bench.table);
    let row = Row::new("p", "r").with("a", 1);
    let mut seen = HashSet::from([tables.insert(table, &row).await.unwrap()]);
    for _ in 0..5 {
        let none = Condition::None;
        assert!(seen.insert(tables.replace(table, &row, &none).await.unwrap()));
        assert!(seen.insert(tables.merge(table, &row, &none).await.unwrap()));
    }
    tables
        .delete(table, "p", "r", &Condition::Exists)
        .await
        .unwrap();
    let etag = tables.insert(table, &row).await.unwrap();
    assert!(seen.insert(etag), "a row made anew is another version");
}

pub(crate) async fn a_condition_on_a_missing_row_is_not_found(bench: Bench) {
    let (tables, table) = (&bench.tables, &bench.table);
    let row = Row::new("p", "r");
    let etag = tables.insert(table, &row).await.unwrap();
    tables
        .delete(table, "p", "r", &Condition::Exists)
        .await
        .unwrap();
    for condition in [Condition::Exists, Condition::Matches(etag)] {
        let replaced = tables.replace(table, &row, &condition).await;
        assert!(matches!(replaced, Err(TableError::NotFound)));
        let merged = tables.merge(table, &row, &condition).await;
        assert!(matches!(merged, Err(TableError::NotFound)));
        let deleted = tables.delete(table, "p", "r", &condition).await;
        assert!(matches!(deleted, Err(TableError::NotFound)));
    }
    assert!(!bench.has("p", "r").await);
}

pub(crate) async fn an_unconditional_delete_of_a_missing_row_succeeds(bench: Bench) {
    let none = Condition::None;
    bench
        .tables
        .delete(&bench.table, "p", "r", &none)
        .await
        .unwrap();
    bench.fill([Row::new("p", "r")]).await;
    bench
        .tables
        .delete(&bench.table, "p", "r", &none)
        .await
        .unwrap();
    assert!(!bench.has("p", "r").await);
}

pub(crate) async fn of_concurrent_writers_with_the_same_etag_exactly_one_wins(bench: Bench) {
    let row = Row::new("p", "r");
    let etag = bench.tables.insert(&bench.table, &row).await.unwrap();
    let condition = Condition::Matches(etag);
    let rows: Vec<Row> = (0..20)
        .map(|number: i32| Row::new("p", "r").with("number", number))
        .collect();
    let writes = rows
        .iter()
        .map(|row| bench.tables.replace(&bench.table, row, &condition));
    let results = join_all(writes).await;
    let winners: Vec<_> = results.iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(bench.row("p", "r").await.etag.as_ref(), Some(winners[0]));
    let refused = results
        .iter()
        .filter(|result| matches!(result, Err(TableError::PreconditionFailed)));
    assert_eq!(refused.count(), 19);
}
