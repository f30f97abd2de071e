use entrada_tables::{Comparison, Filter, Query, Row, TableError, Value};
use time::macros::datetime;
use uuid::Uuid;

use crate::backends::Bench;

const ALL: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
];

async fn matched(bench: &Bench, filter: Filter) -> Vec<String> {
    let query = Query::partition("p").filter(filter);
    let page = bench.tables.query(&bench.table, &query).await.unwrap();
    page.rows.into_iter().map(|row| row.row).collect()
}

/// Three ascending values of a type: the rows `1`, `2` and `3`.
async fn ordered(bench: &Bench, name: &str, values: [Value; 3]) {
    for (row, value) in ["1", "2", "3"].into_iter().zip(&values) {
        let written = Row::new("p", row).with(name, value.clone());
        let none = entrada_tables::Condition::None;
        bench
            .tables
            .merge(&bench.table, &written, &none)
            .await
            .unwrap();
    }
    let expected: [&[&str]; 6] = [
        &["2"],
        &["1", "3"],
        &["3"],
        &["2", "3"],
        &["1"],
        &["1", "2"],
    ];
    let unordered = matches!(
        values[1],
        Value::Boolean(_) | Value::Binary(_) | Value::Guid(_)
    );
    let asked = if unordered { &ALL[..2] } else { &ALL[..] };
    for (comparison, expected) in asked.iter().zip(expected) {
        let filter = Filter::compare(name, *comparison, values[1].clone());
        assert_eq!(
            matched(bench, filter).await,
            expected,
            "{name} {comparison:?}"
        );
    }
}

pub(crate) async fn comparisons_select_by_value(bench: Bench) {
    let guid = |number| Value::from(Uuid::from_u128(number));
    ordered(&bench, "text", ["Z".into(), "a".into(), "é".into()]).await;
    ordered(
        &bench,
        "utf16",
        ["z".into(), "🦀".into(), "\u{e000}".into()],
    )
    .await;
    ordered(&bench, "int32", [(-7).into(), 5.into(), 100.into()]).await;
    let numbers = [i64::MIN.into(), 5_000_000_000_i64.into(), i64::MAX.into()];
    ordered(&bench, "int64", numbers).await;
    ordered(
        &bench,
        "negative",
        [(-8_i64).into(), (-7_i64).into(), 0_i64.into()],
    )
    .await;
    ordered(&bench, "double", [(-0.5).into(), 5.0.into(), 1e30.into()]).await;
    ordered(&bench, "tiny", [0.0.into(), 1.5e-10.into(), 1.0.into()]).await;
    let moments = [
        datetime!(1999-12-31 23:59:59 UTC).into(),
        datetime!(2026-11-21 08:30:00.5 UTC).into(),
        datetime!(2026-11-21 08:30:00.501 UTC).into(),
    ];
    ordered(&bench, "moment", moments).await;
    let bytes = [vec![0].into(), vec![0, 255].into(), vec![].into()];
    ordered(&bench, "binary", bytes).await;
    ordered(&bench, "guid", [guid(1), guid(0xabcd << 100), guid(3)]).await;
    ordered(&bench, "boolean", [false.into(), true.into(), false.into()]).await;
}

pub(crate) async fn a_missing_property_matches_no_comparison(bench: Bench) {
    bench.fill([Row::new("p", "1").with("other", 1)]).await;
    let values: [Value; 8] = [
        "".into(),
        true.into(),
        0.into(),
        0_i64.into(),
        0.0.into(),
        vec![].into(),
        datetime!(2026-11-21 0:00 UTC).into(),
        Uuid::nil().into(),
    ];
    for value in values {
        let comparisons = match value {
            Value::Boolean(_) | Value::Binary(_) | Value::Guid(_) => &ALL[..2],
            _ => &ALL[..],
        };
        for comparison in comparisons {
            let filter = Filter::compare("missing", *comparison, value.clone());
            assert!(matched(&bench, filter.clone()).await.is_empty());
            assert_eq!(matched(&bench, !filter).await, ["1"]);
        }
    }
}

pub(crate) async fn another_type_is_unequal(bench: Bench) {
    bench
        .fill([
            Row::new("p", "1").with("text", "5").with("number", 5),
            Row::new("p", "2").with("text", 5).with("number", "5"),
        ])
        .await;
    assert_eq!(matched(&bench, Filter::eq("text", "5")).await, ["1"]);
    assert_eq!(matched(&bench, Filter::ne("text", "5")).await, ["2"]);
    assert_eq!(matched(&bench, Filter::eq("number", 5)).await, ["1"]);
    assert_eq!(matched(&bench, Filter::ne("number", 5)).await, ["2"]);
    let filter = !Filter::eq("number", 5);
    assert_eq!(matched(&bench, filter).await, ["2"]);
}

pub(crate) async fn filters_combine(bench: Bench) {
    bench
        .fill([
            Row::new("p", "1").with("a", 1).with("b", 1),
            Row::new("p", "2").with("a", 1).with("b", 2),
            Row::new("p", "3").with("a", 2).with("b", 1),
            Row::new("p", "4").with("a", 2),
        ])
        .await;
    bench
        .fill([Row::new("q", "5").with("a", 1).with("b", 1)])
        .await;
    let a = || Filter::eq("a", 1);
    let b = || Filter::eq("b", 1);
    assert_eq!(matched(&bench, a().and(b())).await, ["1"]);
    assert_eq!(matched(&bench, a().or(b())).await, ["1", "2", "3"]);
    assert_eq!(matched(&bench, !(a().or(b()))).await, ["4"]);
    assert_eq!(matched(&bench, (!a()).and(b())).await, ["3"]);
    assert_eq!(matched(&bench, !(a().and(b()))).await, ["2", "3", "4"]);
    assert_eq!(matched(&bench, !!a()).await, ["1", "2"]);
    let nested = (a().and(!b())).or(Filter::ge("a", 2).and(!Filter::ge("b", 0)));
    assert_eq!(matched(&bench, nested).await, ["2", "4"]);
    // An `or` does not reach out of the partition.
    assert_eq!(matched(&bench, a().or(Filter::ge("a", 0))).await.len(), 4);
}

pub(crate) async fn special_characters_in_filters_are_only_data(bench: Bench) {
    let texts = [
        "it's",
        "'",
        "''",
        "' or a ne '",
        "x') or (a ne 'x",
        "100% & more = + ; # ? / \\",
        "%27 or 1 eq 1",
        "é中🦀",
        "\r\n\t\"",
        "",
        " ",
        "datetime'2026-01-01'",
        "eq",
    ];
    for (index, text) in texts.iter().enumerate() {
        bench
            .fill([Row::new("p", format!("{index:02}")).with("a", *text)])
            .await;
    }
    for (index, text) in texts.iter().enumerate() {
        let key = format!("{index:02}");
        let found = matched(&bench, Filter::eq("a", *text)).await;
        assert_eq!(found, std::slice::from_ref(&key), "{text:?}");
        let others = matched(&bench, Filter::ne("a", *text)).await;
        assert_eq!(others.len(), texts.len() - 1, "{text:?}");
        assert!(!others.contains(&key));
    }
    let injection = Filter::eq("a", "none' or a ne 'none");
    assert!(matched(&bench, injection).await.is_empty());
}

pub(crate) async fn filters_that_cannot_be_asked_are_refused(bench: Bench) {
    let many = (0..20).fold(Filter::eq("a", 1), |filter, _| {
        filter.or(Filter::eq("a", 2))
    });
    let deep = (0..40).fold(Filter::eq("a", 1), |filter, _| !filter);
    for filter in [
        Filter::eq("a eq 1 or b", 1),
        Filter::eq("", 1),
        Filter::eq("1a", 1),
        Filter::eq("a-b", 1),
        Filter::eq("é", 1),
        Filter::eq("true", 1),
        Filter::eq("PartitionKey", "q"),
        Filter::eq("Timestamp", datetime!(2026-11-21 0:00 UTC)),
        Filter::eq("entrada_write", Uuid::nil()),
        Filter::eq("a", f64::NAN),
        Filter::lt("a", true),
        Filter::ge("a", vec![1]),
        Filter::gt("a", Uuid::nil()),
        Filter::eq("a", "x".repeat(5000)),
        many,
        deep,
    ] {
        let query = Query::partition("p").filter(filter.clone());
        let result = bench.tables.query(&bench.table, &query).await;
        assert!(
            matches!(result, Err(TableError::Invalid { .. })),
            "{filter:?}"
        );
    }
}
