//! Single cases: limits, order, pages, cursors.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::records::scan::Bounds;

fn sorted(field: &str, direction: Direction) -> RecordQuery {
    RecordQuery {
        sort: Some(Sort {
            field: FieldPath::try_from(field.to_owned()).unwrap(),
            direction,
        }),
        ..everything()
    }
}

fn filtered(value: Value) -> RecordQuery {
    RecordQuery {
        filters: Some(filters(value)),
        ..everything()
    }
}

#[tokio::test]
async fn saving_again_replaces_the_data_and_keeps_the_beginning() {
    let world = world().await;
    let first = world
        .records
        .save_as(CONTOSO, PERSON, None, object(json!({"a": 1, "b": 2})))
        .await
        .unwrap();
    assert!(first.created);
    world.clock.advance(Duration::from_mins(1));
    let id = first.record.record_id.clone();
    let again = world
        .records
        .save_as(CONTOSO, PERSON, Some(id.clone()), object(json!({"a": 3})))
        .await
        .unwrap();
    assert!(!again.created);
    assert_eq!(again.record.created_at, first.record.created_at);
    assert!(again.record.updated_at > first.record.updated_at);
    let found = world.records.find_of(CONTOSO, &everything()).await.unwrap();
    assert_eq!(found.records, [again.record]);
    // The column of `b` is gone with `b`.
    let query = filtered(json!({"and": [{"field": "b", "op": "eq", "value": 2}]}));
    assert!(world.ids(CONTOSO, &query).await.is_empty());
    assert!(world.records.delete_of(CONTOSO, &id).await.unwrap());
    assert!(!world.records.delete_of(CONTOSO, &id).await.unwrap());
}

#[tokio::test]
async fn the_same_id_is_another_record_in_another_tenant() {
    let world = world().await;
    world.save(CONTOSO, "one", json!({"of": "contoso"})).await;
    world.save(FABRIKAM, "one", json!({"of": "fabrikam"})).await;
    assert!(world.records.delete_of(CONTOSO, "one").await.unwrap());
    let found = world.records.find_of(FABRIKAM, &everything()).await;
    assert_eq!(found.unwrap().records[0].data["of"], "fabrikam");
}

#[tokio::test]
async fn data_may_have_256_kib_and_sixteen_levels() {
    let world = world().await;
    let save = async |data: Value| {
        let saved = world
            .records
            .save_as(CONTOSO, PERSON, Some("large".to_owned()), object(data));
        saved.await.map(|saved| saved.record.data)
    };
    let padding = 256 * 1024 - json!({"text": ""}).to_string().len();
    let largest = json!({"text": "x".repeat(padding)});
    assert_eq!(Value::Object(save(largest.clone()).await.unwrap()), largest);
    let found = world.records.find_of(CONTOSO, &everything()).await.unwrap();
    assert_eq!(Value::Object(found.records[0].data.clone()), largest);
    let larger = json!({"text": "x".repeat(padding + 1)});
    assert!(matches!(
        save(larger).await,
        Err(RecordsError::Fault(RecordFault::TooLarge(262_145)))
    ));
    // Outside the basic plane a character has two UTF-16 units.
    let emoji = json!({"text": "😀".repeat(65_000)});
    assert!(save(emoji).await.is_ok());
    let nested =
        |levels: usize| (1..levels).fold(json!({"end": 1}), |inner, _| json!({"n": inner}));
    assert!(save(nested(16)).await.is_ok());
    assert!(matches!(
        save(nested(17)).await,
        Err(RecordsError::Fault(RecordFault::TooDeep))
    ));
}

#[tokio::test]
async fn storage_decides_nothing_that_it_cannot_know() {
    let world = world().await;
    let long = "x".repeat(300);
    // More fields than become properties, a text that is too long, and a
    // number that implementations write differently.
    let mut many = Map::new();
    for index in 0..100 {
        many.insert(format!("f{index:03}"), json!(index));
    }
    world.save(CONTOSO, "many", Value::Object(many)).await;
    world.save(CONTOSO, "long", json!({"t": long})).await;
    world.save(CONTOSO, "odd", json!({"n": 1e300})).await;
    for (filter, id) in [
        (json!({"field": "f099", "op": "eq", "value": 99}), "many"),
        (json!({"field": "f000", "op": "lt", "value": 1}), "many"),
        (json!({"field": "t", "op": "gt", "value": "x"}), "long"),
        (json!({"field": "t", "op": "eq", "value": long}), "long"),
        (json!({"field": "n", "op": "gt", "value": 5}), "odd"),
        (json!({"field": "n", "op": "eq", "value": 1e300}), "odd"),
    ] {
        let query = filtered(json!({"and": [filter]}));
        assert_eq!(world.ids(CONTOSO, &query).await, [id], "{query:?}");
    }
}

#[tokio::test]
async fn missing_fields_come_last_in_either_direction() {
    let world = world().await;
    for (id, data) in [
        ("text", json!({"v": "a"})),
        ("number", json!({"v": 7})),
        ("flag", json!({"v": true})),
        ("null", json!({"v": null})),
        ("missing", json!({})),
    ] {
        world.save(CONTOSO, id, data).await;
    }
    let mut up = world.ids(CONTOSO, &sorted("v", Direction::Asc)).await;
    let mut last = up.split_off(3);
    last.sort();
    assert_eq!(up, ["flag", "number", "text"]);
    assert_eq!(last, ["missing", "null"]);
    let down = world.ids(CONTOSO, &sorted("v", Direction::Desc)).await;
    assert_eq!(down[..3], ["text", "number", "flag"]);
}

#[tokio::test]
async fn a_cursor_opens_for_its_own_tenant_and_query_alone() {
    let world = world().await;
    for index in 0..5 {
        for tenant in [CONTOSO, FABRIKAM] {
            world
                .save(tenant, &format!("r{index}"), json!({"n": index}))
                .await;
        }
    }
    let query = RecordQuery {
        limit: 2,
        ..sorted("n", Direction::Asc)
    };
    let first = world.records.find_of(CONTOSO, &query).await.unwrap();
    let cursor = first.next_cursor.unwrap();
    let with = |cursor: &str, query: &RecordQuery| RecordQuery {
        cursor: Some(cursor.to_owned()),
        ..query.clone()
    };
    let ids = world.ids(CONTOSO, &with(&cursor, &query)).await;
    assert_eq!(ids, ["r2", "r3"]);
    // How many at a time is free to change.
    let more = RecordQuery {
        limit: 9,
        ..query.clone()
    };
    assert_eq!(world.ids(CONTOSO, &with(&cursor, &more)).await.len(), 3);
    let refused = async |tenant, query: &RecordQuery| {
        let found = world.records.find_of(tenant, query).await;
        assert!(matches!(found, Err(RecordsError::Cursor)), "{query:?}");
    };
    refused(FABRIKAM, &with(&cursor, &query)).await;
    refused(CONTOSO, &with(&cursor, &sorted("n", Direction::Desc))).await;
    refused(CONTOSO, &with(&cursor, &everything())).await;
    for position in 0..cursor.len() {
        let mut altered = cursor.clone().into_bytes();
        altered[position] = if altered[position] == b'A' {
            b'B'
        } else {
            b'A'
        };
        let altered = String::from_utf8(altered).unwrap();
        refused(CONTOSO, &with(&altered, &query)).await;
    }
    for made_up in ["", "AAAA", "' or 1 eq 1", "é"] {
        refused(CONTOSO, &with(made_up, &query)).await;
    }
}

#[tokio::test]
async fn a_scan_that_is_cut_says_so_and_goes_on_where_it_ended() {
    let mut world = world().await;
    for index in 0..25 {
        world
            .save(CONTOSO, &format!("r{index}"), json!({"n": index}))
            .await;
    }
    world.records = world.records.within(Bounds {
        rows: 10,
        ..Bounds::default()
    });
    let mut query = filtered(json!({"and": [{"field": "n", "op": "ne", "value": -1}]}));
    let (mut all, mut cuts) = (Vec::new(), 0);
    loop {
        let found = world.records.find_of(CONTOSO, &query).await.unwrap();
        assert!(found.scanned <= 10);
        cuts += usize::from(found.cut);
        all.extend(found.records.into_iter().map(|record| record.record_id));
        query.cursor = found.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(cuts, 2);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 25);
    // In order: the first ten rows alone, and no promise of more.
    let found = world
        .records
        .find_of(CONTOSO, &sorted("n", Direction::Asc))
        .await
        .unwrap();
    assert!(found.cut && found.next_cursor.is_none());
    assert_eq!(found.count, 10);
}

#[tokio::test]
async fn a_page_ends_before_it_is_too_large_and_leaves_no_gap() {
    let mut world = world().await;
    for (index, size) in [400, 700, 50, 900, 10, 2_000, 30].into_iter().enumerate() {
        let data = json!({"n": index, "text": "x".repeat(size)});
        world.save(CONTOSO, &format!("r{index}"), data).await;
    }
    world.records = world.records.within(Bounds {
        answer: 1_000,
        ..Bounds::default()
    });
    for mut query in [sorted("n", Direction::Asc), everything()] {
        let mut all = Vec::new();
        loop {
            let found = world.records.find_of(CONTOSO, &query).await.unwrap();
            assert!(found.count > 0);
            all.extend(found.records.into_iter().map(|record| record.record_id));
            query.cursor = found.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        if query.sort.is_none() {
            all.sort();
        }
        assert_eq!(all, ["r0", "r1", "r2", "r3", "r4", "r5", "r6"]);
    }
}

#[tokio::test]
async fn text_is_found_in_values_at_any_depth_and_not_in_names() {
    let world = world().await;
    world
        .save(CONTOSO, "deep", json!({"a": [{"b": "Needle"}]}))
        .await;
    world.save(CONTOSO, "number", json!({"a": 12_345})).await;
    world.save(CONTOSO, "name", json!({"needle": "hay"})).await;
    for (text, ids) in [
        ("needle", &["deep"][..]),
        ("234", &["number"]),
        ("nothing", &[]),
    ] {
        let query = RecordQuery {
            text: Some(text.to_owned()),
            ..everything()
        };
        assert_eq!(world.ids(CONTOSO, &query).await, ids);
    }
}

#[tokio::test]
async fn twenty_conditions_are_taken_and_no_more() {
    let world = world().await;
    world.save(CONTOSO, "one", json!({"a": 1})).await;
    let condition = json!({"field": "a", "op": "eq", "value": 1});
    let twenty =
        json!({"and": [{"or": vec![condition.clone(); 10]}, {"and": vec![condition.clone(); 10]}]});
    assert_eq!(world.ids(CONTOSO, &filtered(twenty)).await, ["one"]);
    for wrong in [
        json!({"and": [{"or": vec![condition.clone(); 11]}, {"and": vec![condition.clone(); 10]}]}),
        json!({"and": []}),
        json!({"or": [condition, {"and": []}]}),
    ] {
        let found = world.records.find_of(CONTOSO, &filtered(wrong)).await;
        assert!(matches!(found, Err(RecordsError::Filters)));
    }
}

#[test]
fn a_path_has_names_with_dots_between() {
    for good in ["a", "a.b.c", "a b", "ü", "' or 1 eq 1"] {
        assert!(FieldPath::try_from(good.to_owned()).is_ok(), "{good}");
    }
    for bad in ["", ".", "a.", ".a", "a..b", "a.b.c.d.e.f.g.h.i"] {
        assert!(FieldPath::try_from(bad.to_owned()).is_err(), "{bad}");
    }
}
