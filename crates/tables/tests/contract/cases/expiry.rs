use std::sync::Arc;

use async_trait::async_trait;
use entrada_tables::{
    Condition, Continuation, ETag, Operation, Page, Query, Row, TableError, Tables, sweep,
    sweep_page,
};

use crate::backends::Bench;

const NOW: i64 = 1_795_000_000;

fn ending(partition: &str, row: &str, expires_at: i64) -> Row {
    Row::new(partition, row)
        .with("expires_at", expires_at)
        .with("secret", "data")
}

pub(crate) async fn sweeping_deletes_what_has_ended_and_nothing_else(bench: Bench) {
    bench
        .fill([
            ending("p", "long ago", 0),
            ending("p", "just now", NOW),
            ending("p", "soon", NOW + 1),
            Row::new("p", "never"),
            ending("q", "elsewhere", 0),
        ])
        .await;
    for (row, expected) in [
        ("long ago", true),
        ("just now", true),
        ("soon", false),
        ("never", false),
    ] {
        assert_eq!(bench.row("p", row).await.is_expired(NOW), expected, "{row}");
    }
    let tables = bench.tables.as_ref();
    let swept = sweep(tables, &bench.table, "p", NOW, 100).await.unwrap();
    assert_eq!(swept, 2);
    for (row, expected) in [
        ("long ago", false),
        ("just now", false),
        ("soon", true),
        ("never", true),
    ] {
        assert_eq!(bench.has("p", row).await, expected, "{row}");
    }
    assert!(bench.has("q", "elsewhere").await);
    let again = sweep(tables, &bench.table, "p", NOW, 100).await.unwrap();
    assert_eq!(again, 0);
}

/// Renews the rows `renewed` and deletes `gone` right before the first batch,
/// as somebody else might.
#[derive(Debug)]
struct Meddling {
    tables: Arc<dyn Tables>,
}

#[async_trait]
impl Tables for Meddling {
    async fn create_table(&self, table: &str) -> Result<(), TableError> {
        self.tables.create_table(table).await
    }

    async fn insert(&self, table: &str, row: &Row) -> Result<ETag, TableError> {
        self.tables.insert(table, row).await
    }

    async fn get(
        &self,
        table: &str,
        partition: &str,
        row: &str,
    ) -> Result<Option<Row>, TableError> {
        self.tables.get(table, partition, row).await
    }

    async fn replace(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        self.tables.replace(table, row, condition).await
    }

    async fn merge(
        &self,
        table: &str,
        row: &Row,
        condition: &Condition,
    ) -> Result<ETag, TableError> {
        self.tables.merge(table, row, condition).await
    }

    async fn delete(
        &self,
        table: &str,
        partition: &str,
        row: &str,
        condition: &Condition,
    ) -> Result<(), TableError> {
        self.tables.delete(table, partition, row, condition).await
    }

    async fn query(&self, table: &str, query: &Query) -> Result<Page, TableError> {
        self.tables.query(table, query).await
    }

    async fn batch(
        &self,
        table: &str,
        operations: &[Operation],
    ) -> Result<Vec<Option<ETag>>, TableError> {
        let renewed = ending("p", "renewed", NOW + 60);
        self.tables
            .replace(table, &renewed, &Condition::None)
            .await?;
        self.tables
            .delete(table, "p", "gone", &Condition::None)
            .await?;
        self.tables.batch(table, operations).await
    }

    async fn expired(
        &self,
        table: &str,
        now: i64,
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        self.tables.expired(table, now, limit, continuation).await
    }

    async fn scan(
        &self,
        table: &str,
        select: &[&str],
        limit: u32,
        continuation: Option<&Continuation>,
    ) -> Result<Page, TableError> {
        self.tables.scan(table, select, limit, continuation).await
    }

    async fn ping(&self) -> Result<(), TableError> {
        self.tables.ping().await
    }
}

pub(crate) async fn a_row_that_was_renewed_meanwhile_survives_the_sweep(bench: Bench) {
    for row in ["a", "gone", "renewed", "z"] {
        bench.fill([ending("p", row, NOW - 1)]).await;
    }
    let meddling = Meddling {
        tables: Arc::clone(&bench.tables),
    };
    let swept = sweep(&meddling, &bench.table, "p", NOW, 100).await.unwrap();
    assert_eq!(swept, 2);
    assert!(!bench.has("p", "a").await);
    assert!(!bench.has("p", "z").await);
    assert!(!bench.row("p", "renewed").await.is_expired(NOW));
}

pub(crate) async fn sweeping_stops_at_the_number_that_was_given(bench: Bench) {
    let operations: Vec<Operation> = (0..250)
        .map(|number| Operation::Insert(ending("p", &format!("{number:03}"), number)))
        .collect();
    for operations in operations.chunks(100) {
        bench.tables.batch(&bench.table, operations).await.unwrap();
    }
    let tables = bench.tables.as_ref();
    assert_eq!(sweep(tables, &bench.table, "p", NOW, 10).await.unwrap(), 10);
    assert_eq!(sweep(tables, &bench.table, "p", NOW, 0).await.unwrap(), 0);
    assert_eq!(
        sweep(tables, &bench.table, "p", NOW, 150).await.unwrap(),
        150
    );
    assert_eq!(
        sweep(tables, &bench.table, "p", NOW, 1000).await.unwrap(),
        90
    );
}

pub(crate) async fn expired_rows_are_found_across_partitions(bench: Bench) {
    for partition in ["a", "b", "c", "d", "e"] {
        bench
            .fill([
                ending(partition, "ended", NOW - 5),
                ending(partition, "lasting", NOW + 5),
                Row::new(partition, "for ever"),
            ])
            .await;
    }
    let mut continuation = None;
    let mut found = Vec::new();
    loop {
        let page = bench
            .tables
            .expired(&bench.table, NOW, 2, continuation.as_ref());
        let page = page.await.unwrap();
        assert!(page.rows.len() <= 2);
        for row in page.rows {
            assert_eq!(row.row, "ended");
            assert_eq!(row.expires_at(), Some(NOW - 5));
            assert_eq!(row.properties.len(), 1, "nothing but when it ended");
            assert_eq!(row.etag, bench.row(&row.partition, &row.row).await.etag);
            found.push(row.partition);
        }
        continuation = page.continuation;
        if continuation.is_none() {
            break;
        }
    }
    assert_eq!(found, ["a", "b", "c", "d", "e"]);
}

pub(crate) async fn a_whole_table_can_be_swept(bench: Bench) {
    for partition in ["a", "b", "c"] {
        bench
            .fill([
                ending(partition, "ended", NOW - 5),
                ending(partition, "ended too", NOW - 6),
                ending(partition, "lasting", NOW + 5),
            ])
            .await;
    }
    assert_eq!(sweep_whole_table(&bench).await, 6);
    for partition in ["a", "b", "c"] {
        assert!(bench.has(partition, "lasting").await);
    }
    assert_eq!(sweep_whole_table(&bench).await, 0);
}

/// Sweeps the table a page of four at a time; how many rows were deleted.
async fn sweep_whole_table(bench: &Bench) -> usize {
    let tables = bench.tables.as_ref();
    let (mut deleted, mut continuation) = (0, None);
    loop {
        let page = sweep_page(tables, &bench.table, NOW, 4, continuation.as_ref());
        let page = page.await.unwrap();
        assert!(page.deleted <= 4);
        deleted += page.deleted;
        continuation = page.continuation;
        if continuation.is_none() {
            return deleted;
        }
    }
}

pub(crate) async fn a_whole_table_can_be_read_a_page_at_a_time(bench: Bench) {
    for partition in ["a", "b", "c"] {
        bench
            .fill([
                ending(partition, "1", NOW).with("sealed", vec![1, 2]),
                Row::new(partition, "2").with("other", "text"),
            ])
            .await;
    }
    let mut continuation = None;
    let mut found = Vec::new();
    loop {
        let select = ["sealed", "expires_at"];
        let scan = bench
            .tables
            .scan(&bench.table, &select, 2, continuation.as_ref());
        let page = scan.await.unwrap();
        assert!(page.rows.len() <= 2);
        for row in page.rows {
            let sealed = row.row == "1";
            let names: Vec<_> = row.properties.keys().map(String::as_str).collect();
            let expected: &[&str] = if sealed {
                &["expires_at", "sealed"]
            } else {
                &[]
            };
            assert_eq!(names, expected);
            assert_eq!(row.etag, bench.row(&row.partition, &row.row).await.etag);
            found.push(format!("{}{}", row.partition, row.row));
        }
        continuation = page.continuation;
        if continuation.is_none() {
            break;
        }
    }
    assert_eq!(found, ["a1", "a2", "b1", "b2", "c1", "c2"]);
    let limit = bench.tables.scan(&bench.table, &[], 1001, None).await;
    assert!(matches!(limit, Err(TableError::Invalid { .. })));
}
