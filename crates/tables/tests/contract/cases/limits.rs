use entrada_tables::{Condition, Operation, Query, Row, TableError};
use time::macros::datetime;

use crate::backends::Bench;

/// The reason for which a row is refused.
async fn refusal(bench: &Bench, row: &Row) -> String {
    let condition = Condition::None;
    let inserted = bench.tables.insert(&bench.table, row).await.unwrap_err();
    let replaced = bench.tables.replace(&bench.table, row, &condition).await;
    let merged = bench.tables.merge(&bench.table, row, &condition).await;
    let batch = [Operation::Insert(row.clone())];
    let batched = bench.tables.batch(&bench.table, &batch).await;
    for error in [&replaced.unwrap_err(), &merged.unwrap_err()] {
        assert_eq!(error.to_string(), inserted.to_string());
    }
    let TableError::Invalid { reason } = batched.unwrap_err() else {
        panic!("a batch took what an insert does not");
    };
    assert!(reason.starts_with("operation 0"), "{reason}");
    match inserted {
        TableError::Invalid { reason } => reason,
        other => panic!("{other}"),
    }
}

pub(crate) async fn forbidden_characters_in_keys_are_refused(bench: Bench) {
    let characters = [
        '/', '\\', '#', '?', '\t', '\n', '\r', '\0', '\u{1f}', '\u{7f}', '\u{9f}',
    ];
    for character in characters {
        let key = format!("a{character}b");
        let expected = format!("U+{:04X}", u32::from(character));
        for row in [Row::new("p", &key), Row::new(&key, "r")] {
            let reason = refusal(&bench, &row).await;
            assert!(reason.contains(&expected), "{reason}");
            assert!(!reason.contains(&key), "a message holds no keys");
        }
        let (tables, table) = (&bench.tables, &bench.table);
        assert!(tables.get(table, "p", &key).await.is_err());
        assert!(tables.query(table, &Query::partition(&key)).await.is_err());
        let prefix = Query::partition("p").prefix(&key);
        assert!(tables.query(table, &prefix).await.is_err());
        let deleted = tables.delete(table, &key, "r", &Condition::None).await;
        assert!(deleted.is_err());
    }
    assert!(refusal(&bench, &Row::new("", "r")).await.contains("empty"));
    assert!(refusal(&bench, &Row::new("p", "")).await.contains("empty"));
}

pub(crate) async fn keys_of_512_units_fit_and_longer_ones_do_not(bench: Bench) {
    for key in ["x".repeat(512), "é".repeat(512), "🦀".repeat(256)] {
        bench.fill([Row::new(&key, &key).with("a", 1)]).await;
        assert_eq!(bench.row(&key, &key).await.int32("a").unwrap(), 1);
        let query = Query::partition(&key);
        let page = bench.tables.query(&bench.table, &query);
        assert_eq!(page.await.unwrap().rows.len(), 1);
    }
    for key in ["x".repeat(513), "🦀".repeat(257)] {
        let reason = refusal(&bench, &Row::new("p", &key)).await;
        let units = key.encode_utf16().count().to_string();
        assert!(
            reason.contains(&units) && reason.contains("512"),
            "{reason}"
        );
    }
}

pub(crate) async fn texts_and_binaries_of_64_kib_fit_and_longer_ones_do_not(bench: Bench) {
    let row = Row::new("p", "r")
        .with("ascii", "x".repeat(32_768))
        .with("umlauts", "é".repeat(32_768))
        .with("crabs", "🦀".repeat(16_384))
        .with("bytes", vec![7; 65_536]);
    bench.fill([row.clone()]).await;
    assert!(bench.row("p", "r").await.properties == row.properties);

    let reason = refusal(&bench, &Row::new("p", "x").with("long", "x".repeat(32_769))).await;
    assert!(
        reason.contains("long") && reason.contains("32769"),
        "{reason}"
    );
    let reason = refusal(
        &bench,
        &Row::new("p", "x").with("long", "🦀".repeat(16_385)),
    )
    .await;
    assert!(reason.contains("32770"), "{reason}");
    let reason = refusal(&bench, &Row::new("p", "x").with("long", vec![0; 65_537])).await;
    assert!(reason.contains("65537"), "{reason}");
}

/// A row of `count` texts of 64 KiB.
fn large(row: &str, count: usize) -> Row {
    (0..count).fold(Row::new("p", row), |row, index| {
        row.with(format!("text{index}"), "x".repeat(32_768))
    })
}

pub(crate) async fn rows_of_nearly_1_mib_fit_and_larger_ones_do_not(bench: Bench) {
    let fits = large("fits", 15).with("rest", "y".repeat(32_000));
    bench.fill([fits.clone()]).await;
    assert!(bench.row("p", "fits").await.properties == fits.properties);
    let reason = refusal(&bench, &large("large", 16)).await;
    assert!(
        reason.contains("1048576") && reason.contains("1 MiB"),
        "{reason}"
    );
}

pub(crate) async fn too_many_properties_are_refused(bench: Bench) {
    let properties = |count: usize| {
        (0..count).fold(Row::new("p", "r"), |row, index| {
            row.with(format!("property{index}"), 1)
        })
    };
    bench.fill([properties(251)]).await;
    assert_eq!(bench.row("p", "r").await.properties.len(), 251);
    let reason = refusal(&bench, &properties(252)).await;
    assert!(reason.contains("252") && reason.contains("251"), "{reason}");
}

pub(crate) async fn property_names_are_checked(bench: Bench) {
    let long = "x".repeat(255);
    bench
        .fill([Row::new("p", "r")
            .with(&long, 1)
            .with("_a1", 2)
            .with("eq", 3)])
        .await;
    assert_eq!(bench.row("p", "r").await.int32(&long).unwrap(), 1);
    let too_long = "x".repeat(256);
    for name in [
        "",
        "1a",
        "a b",
        "a-b",
        "a.b",
        "a'b",
        "é",
        "a@odata.type",
        &too_long,
    ] {
        refusal(&bench, &Row::new("p", "x").with(name, 1)).await;
    }
    for name in ["PartitionKey", "RowKey", "Timestamp", "entrada_write"] {
        let reason = refusal(&bench, &Row::new("p", "x").with(name, 1)).await;
        assert!(reason.contains("reserved"), "{reason}");
    }
}

pub(crate) async fn table_names_are_checked(bench: Bench) {
    let long = "a".repeat(64);
    for name in [
        "", "ab", "1ab", "a-b", "a_b", "äbc", "a b c", "abc()", "abc/def", &long,
    ] {
        let tables = &bench.tables;
        let created = tables.create_table(name).await;
        assert!(matches!(created, Err(TableError::Invalid { .. })), "{name}");
        let found = tables.get(name, "p", "r").await;
        assert!(matches!(found, Err(TableError::Invalid { .. })), "{name}");
        let expired = tables.expired(name, 0, 1, None).await;
        assert!(matches!(expired, Err(TableError::Invalid { .. })), "{name}");
    }
}

pub(crate) async fn batches_of_more_than_4_mib_are_refused(bench: Bench) {
    let rows = |characters: usize| -> Vec<Operation> {
        (0..100)
            .map(|index| Row::new("p", format!("{index}")))
            .map(|row| row.with_long_text("text", &"x".repeat(characters)))
            .map(Operation::Insert)
            .collect()
    };
    let result = bench.tables.batch(&bench.table, &rows(42_000)).await;
    let Err(TableError::Invalid { reason }) = result else {
        panic!("a batch of more than 4 MiB was taken");
    };
    assert!(reason.contains("4 MiB"), "{reason}");
    assert!(!bench.has("p", "0").await);
    let result = bench.tables.batch(&bench.table, &rows(40_000)).await;
    assert_eq!(result.unwrap().len(), 100);
}

pub(crate) async fn numbers_and_moments_outside_the_range_are_refused(bench: Bench) {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        refusal(&bench, &Row::new("p", "r").with("number", number)).await;
    }
    let early = datetime!(1600-12-31 23:59:59 UTC);
    refusal(&bench, &Row::new("p", "r").with("moment", early)).await;
}

pub(crate) async fn a_long_text_is_split_and_joined(bench: Bench) {
    // The crabs make the cut fall into the middle of a pair of units.
    let text = format!("x{}", "é🦀\n".repeat(40_000));
    let bytes: Vec<u8> = (0..150_000_u32)
        .map(|index| index.to_le_bytes()[0])
        .collect();
    let row = Row::new("p", "r")
        .with_long_text("body", &text)
        .with_long_binary("blob", &bytes)
        .with_long_text("empty", "");
    bench.fill([row]).await;
    let found = bench.row("p", "r").await;
    assert_eq!(found.int32("body_count").unwrap(), 5);
    assert_eq!(found.int32("blob_count").unwrap(), 3);
    assert!(found.long_text("body").unwrap().unwrap() == text);
    assert!(found.long_binary("blob").unwrap().unwrap() == bytes);
    assert_eq!(found.long_text("empty").unwrap().unwrap(), "");
    assert_eq!(found.long_text("absent").unwrap(), None);

    let too_long = Row::new("p", "x").with_long_text("body", &"x".repeat(600_000));
    let reason = refusal(&bench, &too_long).await;
    assert!(reason.contains("1 MiB"), "{reason}");
}
