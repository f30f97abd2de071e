use entrada_tables::{Continuation, Filter, Operation, Page, Query, Row, RowRange, query_all};

use crate::backends::Bench;

/// Inserts `count` rows `00000` and on with their `number`.
async fn fill(bench: &Bench, partition: &str, count: i32) {
    let operations: Vec<Operation> = (0..count)
        .map(|number| {
            let row = Row::new(partition, format!("{number:05}")).with("number", number);
            Operation::Insert(row)
        })
        .collect();
    for operations in operations.chunks(100) {
        bench.tables.batch(&bench.table, operations).await.unwrap();
    }
}

async fn page(bench: &Bench, query: &Query) -> Page {
    bench.tables.query(&bench.table, query).await.unwrap()
}

/// All pages: their sizes, and the keys of all rows.
async fn pages(bench: &Bench, mut query: Query) -> (Vec<usize>, Vec<String>) {
    let (mut sizes, mut keys) = (Vec::new(), Vec::new());
    loop {
        let page = page(bench, &query).await;
        sizes.push(page.rows.len());
        keys.extend(page.rows.into_iter().map(|row| row.row));
        match page.continuation {
            Some(continuation) => query = query.after(continuation),
            None => return (sizes, keys),
        }
    }
}

async fn keys(bench: &Bench, query: Query) -> Vec<String> {
    pages(bench, query).await.1
}

pub(crate) async fn pages_hold_a_thousand_rows_and_continue(bench: Bench) {
    fill(&bench, "p", 2500).await;
    fill(&bench, "q", 5).await;
    let expected: Vec<String> = (0..2500).map(|number| format!("{number:05}")).collect();
    let query = Query::partition("p");
    let (sizes, found) = pages(&bench, query.clone()).await;
    assert_eq!(sizes, [1000, 1000, 500]);
    assert_eq!(found, expected);
    assert_eq!(pages(&bench, query).await.1, expected, "twice the same");
    // A thousand to the row: no page of nothing follows.
    let first = Query::partition("p").rows(RowRange::Between {
        from: None,
        to: Some("01000".to_owned()),
    });
    assert_eq!(pages(&bench, first).await.0, [1000]);
}

pub(crate) async fn a_continuation_survives_being_handed_out(bench: Bench) {
    fill(&bench, "p", 25).await;
    let query = Query::partition("p").limit(10);
    let first = page(&bench, &query).await;
    let text = first.continuation.unwrap().to_string();
    let back = Continuation::parse(&text).unwrap();
    assert_eq!(back.as_str(), text);
    // Rows that come and go elsewhere do not move the place.
    bench.fill([Row::new("p", "00005a")]).await;
    let second = page(&bench, &query.clone().after(back.clone())).await;
    assert_eq!(second.rows[0].row, "00010");
    // It opens nothing: on another partition it does not show the first one's.
    let other = Query::partition("q").after(back.clone());
    assert!(keys(&bench, other).await.is_empty());
    let range = RowRange::Between {
        from: None,
        to: Some("00012".to_owned()),
    };
    let narrower = Query::partition("p").rows(range).after(back);
    assert_eq!(keys(&bench, narrower).await, ["00010", "00011"]);

    for bad in [
        "",
        "x",
        "AAAA",
        "e30",
        "bnVsbA",
        "not base64 at all!",
        &"A".repeat(9000),
    ] {
        assert!(Continuation::parse(bad).is_err(), "{bad:.20}");
    }
}

pub(crate) async fn a_limit_makes_smaller_pages(bench: Bench) {
    fill(&bench, "p", 25).await;
    let (sizes, found) = pages(&bench, Query::partition("p").limit(10)).await;
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(found.len(), 25);
    let filtered = Query::partition("p")
        .filter(Filter::ge("number", 12))
        .limit(4);
    let (sizes, found) = pages(&bench, filtered).await;
    assert!(sizes.iter().all(|size| *size <= 4));
    assert_eq!((found.len(), found[0].as_str()), (13, "00012"));
}

pub(crate) async fn a_page_limit_outside_one_to_a_thousand_is_refused(bench: Bench) {
    for limit in [0, 1001, u32::MAX] {
        let query = Query::partition("p").limit(limit);
        assert!(bench.tables.query(&bench.table, &query).await.is_err());
        let expired = bench.tables.expired(&bench.table, 0, limit, None);
        assert!(expired.await.is_err());
    }
}

pub(crate) async fn only_the_partition_that_was_asked_for_is_seen(bench: Bench) {
    for partition in ["p", "P", "pa", "p ", "o", "q", "p'", "é"] {
        bench.fill([Row::new(partition, "r")]).await;
    }
    for partition in ["p", "P", "pa", "p ", "o", "q", "p'", "é"] {
        let found = page(&bench, &Query::partition(partition)).await.rows;
        let found: Vec<&str> = found.iter().map(|row| row.partition.as_str()).collect();
        assert_eq!(found, [partition]);
    }
    let injection = Query::partition("x' or PartitionKey eq 'p");
    assert!(keys(&bench, injection).await.is_empty());
}

pub(crate) async fn ranges_and_prefixes_select_rows(bench: Bench) {
    for row in [
        "a", "ab", "ab-1", "ab-2", "ab.", "ab~", "ab~z", "abé", "ac", "b",
    ] {
        bench.fill([Row::new("p", row)]).await;
    }
    let prefix = |prefix: &str| keys(&bench, Query::partition("p").prefix(prefix));
    assert_eq!(prefix("").await.len(), 10);
    assert_eq!(prefix("ab-").await, ["ab-1", "ab-2"]);
    assert_eq!(
        prefix("ab").await,
        ["ab", "ab-1", "ab-2", "ab.", "ab~", "ab~z", "abé"]
    );
    assert_eq!(prefix("ab.").await, ["ab."]);
    assert_eq!(prefix("ab~").await, ["ab~", "ab~z"]);
    assert_eq!(prefix("c").await, [""; 0]);

    let range = |from: Option<&str>, to: Option<&str>| {
        let rows = RowRange::Between {
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        };
        keys(&bench, Query::partition("p").rows(rows))
    };
    assert_eq!(
        range(Some("ab~"), Some("b")).await,
        ["ab~", "ab~z", "abé", "ac"]
    );
    assert_eq!(range(None, Some("ab-1")).await, ["a", "ab"]);
    assert_eq!(range(Some("ac"), None).await, ["ac", "b"]);
    assert_eq!(range(Some("b"), Some("a")).await, [""; 0]);
    assert_eq!(range(None, None).await.len(), 10);
}

pub(crate) async fn rows_come_in_the_order_of_utf_16_units(bench: Bench) {
    // By code point the crab would come last.
    let ordered = [
        "A", "Z", "_", "a", "z", "é", "中", "\u{d7ff}", "🦀", "\u{e000}", "\u{fffd}",
    ];
    for row in ordered.iter().rev() {
        bench.fill([Row::new("p", *row)]).await;
    }
    assert_eq!(keys(&bench, Query::partition("p")).await, ordered);
    for row in ordered {
        let query = Query::partition("p").prefix(row);
        assert_eq!(keys(&bench, query).await, [row]);
    }
}

pub(crate) async fn a_prefix_is_not_a_pattern(bench: Bench) {
    bench
        .fill([
            Row::new("p", "a%b"),
            Row::new("p", "a_b"),
            Row::new("p", "a'b"),
        ])
        .await;
    for row in ["a%b", "a_b", "a'b"] {
        let query = Query::partition("p").prefix(&row[..2]);
        assert_eq!(keys(&bench, query).await, [row]);
    }
    let query = Query::partition("p").prefix("z' or RowKey ge 'a");
    assert!(keys(&bench, query).await.is_empty());
}

pub(crate) async fn only_selected_properties_come_with_keys_and_etag(bench: Bench) {
    bench
        .fill([Row::new("p", "r").with("a", 1).with("b", 2)])
        .await;
    let query = Query::partition("p").select(["b", "absent"]);
    let found = page(&bench, &query).await.rows.remove(0);
    assert_eq!((found.partition.as_str(), found.row.as_str()), ("p", "r"));
    assert_eq!(found.etag, bench.row("p", "r").await.etag);
    let names: Vec<&String> = found.properties.keys().collect();
    assert_eq!(names, ["b"]);
    let filtered = query.filter(Filter::eq("a", 1));
    assert_eq!(page(&bench, &filtered).await.rows.len(), 1);
}

pub(crate) async fn all_pages_can_be_read_at_once_up_to_a_cap(bench: Bench) {
    fill(&bench, "p", 1200).await;
    let query = Query::partition("p").limit(500);
    let tables = bench.tables.as_ref();
    let rows = query_all(tables, &bench.table, &query, 1200).await.unwrap();
    assert_eq!(rows.len(), 1200);
    assert!(query_all(tables, &bench.table, &query, 1199).await.is_err());
}
