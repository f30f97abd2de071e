use entrada_tables::{Condition, Query, Row, TableError, Value};
use futures::future::join_all;
use time::macros::datetime;
use uuid::Uuid;

use crate::backends::{Bench, table_name};

pub(crate) async fn a_row_is_read_as_it_was_inserted(bench: Bench) {
    let row = Row::new("p", "r")
        .with("name", "value")
        .with_optional("absent", None::<&str>);
    let etag = bench.tables.insert(&bench.table, &row).await.unwrap();
    let found = bench.row("p", "r").await;
    assert_eq!(found.etag, Some(etag));
    assert_eq!(found.properties, row.properties);
    assert_eq!((found.partition.as_str(), found.row.as_str()), ("p", "r"));
}

pub(crate) async fn a_missing_row_is_none(bench: Bench) {
    let found = bench.tables.get(&bench.table, "p", "r").await.unwrap();
    assert!(found.is_none());
}

pub(crate) async fn creating_a_table_again_changes_nothing(bench: Bench) {
    bench.fill([Row::new("p", "r")]).await;
    bench.tables.create_table(&bench.table).await.unwrap();
    let other_case = bench.table.to_ascii_uppercase();
    bench.tables.create_table(&other_case).await.unwrap();
    assert!(bench.has("p", "r").await);
    let found = bench.tables.get(&other_case, "p", "r").await.unwrap();
    assert!(found.is_some(), "table names do not distinguish case");
}

pub(crate) async fn a_table_that_was_not_created_is_named(bench: Bench) {
    let missing = table_name();
    let row = Row::new("p", "r");
    let is_named = |error: &TableError| matches!(error, TableError::NoSuchTable { table } if *table == missing);
    let tables = &bench.tables;
    let condition = Condition::None;
    assert!(is_named(&tables.get(&missing, "p", "r").await.unwrap_err()));
    assert!(is_named(&tables.insert(&missing, &row).await.unwrap_err()));
    let replaced = tables.replace(&missing, &row, &condition).await;
    assert!(is_named(&replaced.unwrap_err()));
    let deleted = tables.delete(&missing, "p", "r", &condition).await;
    assert!(is_named(&deleted.unwrap_err()));
    let page = tables.query(&missing, &Query::partition("p")).await;
    assert!(is_named(&page.unwrap_err()));
    let operation = entrada_tables::Operation::Insert(row);
    let batch = tables.batch(&missing, &[operation]).await;
    assert!(is_named(&batch.unwrap_err()));
}

pub(crate) async fn of_fifty_concurrent_inserts_exactly_one_wins(bench: Bench) {
    let rows: Vec<Row> = (0..50)
        .map(|number: i32| Row::new("p", "r").with("number", number))
        .collect();
    let inserts = rows
        .iter()
        .map(|row| bench.tables.insert(&bench.table, row));
    let results = join_all(inserts).await;
    let winners: Vec<usize> = (0..50).filter(|index| results[*index].is_ok()).collect();
    assert_eq!(winners.len(), 1);
    for (index, result) in results.iter().enumerate() {
        if index != winners[0] {
            assert!(matches!(result, Err(TableError::AlreadyExists)));
        }
    }
    let stored = bench.row("p", "r").await;
    assert_eq!(
        usize::try_from(stored.int32("number").unwrap()).unwrap(),
        winners[0]
    );
}

pub(crate) async fn replace_drops_what_is_not_named_and_merge_keeps_it(bench: Bench) {
    bench
        .fill([Row::new("p", "r").with("a", 1).with("b", 2)])
        .await;
    let merged = Row::new("p", "r").with("b", "two").with("c", 3);
    let exists = Condition::Exists;
    bench
        .tables
        .merge(&bench.table, &merged, &exists)
        .await
        .unwrap();
    let found = bench.row("p", "r").await;
    assert_eq!(found.int32("a").unwrap(), 1);
    assert_eq!(found.text("b").unwrap(), "two", "a merge may change a type");
    assert_eq!(found.int32("c").unwrap(), 3);

    let replaced = Row::new("p", "r").with("d", 4);
    bench
        .tables
        .replace(&bench.table, &replaced, &exists)
        .await
        .unwrap();
    assert_eq!(bench.row("p", "r").await.properties, replaced.properties);
}

pub(crate) async fn an_unconditional_write_makes_the_row_or_overwrites_it(bench: Bench) {
    let none = Condition::None;
    let first = Row::new("p", "r").with("a", 1);
    bench
        .tables
        .replace(&bench.table, &first, &none)
        .await
        .unwrap();
    assert_eq!(bench.row("p", "r").await.properties, first.properties);
    let second = Row::new("p", "r").with("b", 2);
    bench
        .tables
        .replace(&bench.table, &second, &none)
        .await
        .unwrap();
    assert_eq!(bench.row("p", "r").await.properties, second.properties);

    bench
        .tables
        .merge(&bench.table, &first, &none)
        .await
        .unwrap();
    assert_eq!(bench.row("p", "r").await.properties.len(), 2);
    let other = Row::new("p", "other").with("a", 1);
    bench
        .tables
        .merge(&bench.table, &other, &none)
        .await
        .unwrap();
    assert_eq!(bench.row("p", "other").await.properties, other.properties);
}

pub(crate) async fn every_value_type_survives_the_round_trip(bench: Bench) {
    let values = [
        Value::from(""),
        Value::from("text"),
        Value::from(true),
        Value::from(false),
        Value::from(0),
        Value::from(i32::MIN),
        Value::from(i32::MAX),
        Value::from(5_i64),
        Value::from(i64::MIN),
        Value::from(i64::MAX),
        Value::from(1.0),
        Value::from(-0.1),
        Value::from(f64::MAX),
        Value::from(5e-324),
        Value::from(123_456_789_012_345_680.0),
        Value::from(Vec::new()),
        Value::from(vec![0, 1, 254, 255]),
        Value::from(datetime!(2026-11-21 08:30:15.1234567 UTC)),
        Value::from(datetime!(2026-11-21 08:30 UTC)),
        Value::from(datetime!(1601-01-01 0:00 UTC)),
        Value::from(datetime!(9999-12-31 23:59:59.9999999 UTC)),
        Value::from(datetime!(1969-12-31 23:59:59.9999999 UTC)),
        Value::from(Uuid::from_u128(0xffee_0000_0000_0000_0000_0000_0000_000a)),
        Value::from(Uuid::nil()),
    ];
    let mut row = Row::new("p", "r");
    for (index, value) in values.iter().enumerate() {
        row = row.with(format!("v{index}"), value.clone());
    }
    bench.fill([row]).await;
    let query = Query::partition("p");
    let page = bench.tables.query(&bench.table, &query);
    let found = [
        bench.row("p", "r").await,
        page.await.unwrap().rows.remove(0),
    ];
    for found in found {
        for (index, value) in values.iter().enumerate() {
            let name = format!("v{index}");
            assert!(found.value(&name) == Some(value), "{name}: {value:?}");
        }
    }

    // Moments are kept in UTC and in steps of 100 nanoseconds.
    let fine = datetime!(2026-11-21 09:30:15.123456789 +1);
    let row = Row::new("p", "fine").with("at", fine);
    bench.fill([row]).await;
    let found = bench.row("p", "fine").await.datetime("at").unwrap();
    assert_eq!(found, datetime!(2026-11-21 08:30:15.1234567 UTC));
    assert_eq!(found.offset(), time::UtcOffset::UTC);
}

pub(crate) async fn keys_and_values_with_special_characters_are_only_data(bench: Bench) {
    let texts = [
        "it's",
        "''",
        "' or '1' eq '1",
        "100%",
        "%27",
        "%2F",
        "a&b=c+d e",
        "x;y,z:!*()[]{}@$~`^|<>\"",
        "é ü ß 中文 🦀",
        "..",
        ".",
        " leading and trailing ",
        "null",
        "a\u{a0}b\u{200d}c",
    ];
    for text in texts {
        let row = Row::new(text, text).with("value", text);
        let etag = bench.tables.insert(&bench.table, &row).await;
        let etag = etag.unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let found = bench.row(text, text).await;
        assert_eq!(found.text("value").unwrap(), text);
        assert_eq!((found.partition.as_str(), found.row.as_str()), (text, text));

        let query = Query::partition(text).prefix(text);
        let page = bench.tables.query(&bench.table, &query).await.unwrap();
        assert_eq!(page.rows.len(), 1, "{text:?}");

        let condition = Condition::Matches(etag);
        let etag = bench.tables.merge(&bench.table, &row, &condition).await;
        let operation = entrada_tables::Operation::Delete {
            partition: text.to_owned(),
            row: text.to_owned(),
            condition: Condition::Matches(etag.unwrap()),
        };
        bench
            .tables
            .batch(&bench.table, &[operation])
            .await
            .unwrap();
        assert!(!bench.has(text, text).await, "{text:?}");
    }
    // In values, characters are allowed that keys must not hold.
    let value = "a/b\\c#d?e\r\n\t\u{0}\u{7f}--batch_entrada\r\nHTTP/1.1 500";
    let operation = entrada_tables::Operation::Insert(Row::new("p", "r").with("value", value));
    bench
        .tables
        .batch(&bench.table, &[operation])
        .await
        .unwrap();
    assert_eq!(bench.row("p", "r").await.text("value").unwrap(), value);
}

pub(crate) async fn storage_answers_a_ping(bench: Bench) {
    bench.tables.ping().await.unwrap();
}
