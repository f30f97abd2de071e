//! Whatever is done to the log is found; a log that nobody touched verifies.

use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::{Clock as _, SystemRandom};
use entrada_tables::{Condition, Row, Value};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value as Json;
use uuid::Uuid;

use super::support::{TENANT, World};
use crate::audit::{Hour, Scope, TABLE};
use crate::identity::{KeyRing, KeyRings};

const OTHER: Uuid = Uuid::from_u128(0xf0);

/// Two runs, two tenants, several hours; the last hour has five rows of one
/// run of the tenant.
async fn world() -> World {
    let world = World::new().await;
    world
        .run(&[(TENANT, "first", 1), (OTHER, "other", 1)])
        .await;
    let (hour, moment) = (3600, 1);
    world
        .run(&[
            (TENANT, "a", hour),
            (OTHER, "b", moment),
            (TENANT, "c", hour),
            (TENANT, "d", moment),
            (TENANT, "e", moment),
            (TENANT, "f", moment),
            (TENANT, "g", moment),
        ])
        .await;
    world
}

async fn remove(world: &World, row: &Row) {
    let condition = Condition::None;
    let tables = &world.tables;
    tables
        .delete(TABLE, &row.partition, &row.row, &condition)
        .await
        .unwrap();
}

async fn put(world: &World, row: &Row) {
    world
        .tables
        .replace(TABLE, row, &Condition::None)
        .await
        .unwrap();
}

/// The packs of the last hour, oldest first.
async fn packs(world: &World) -> Vec<Row> {
    let mut rows = world.rows(&world.partition(), "").await;
    rows.retain(|row| !row.row.starts_with("head-"));
    rows.reverse();
    assert_eq!(rows.len(), 5);
    rows
}

async fn head(world: &World) -> Row {
    world.rows(&world.partition(), "head-").await.remove(0)
}

#[tokio::test]
async fn a_log_that_nobody_touched_verifies() {
    let world = world().await;
    assert_eq!(world.findings().await, "");
    let report = world.verify(Scope::default()).await;
    assert_eq!((report.partitions, report.entries), (5, 9));
    let tenant = Scope {
        tenant: Some(OTHER),
        ..Scope::default()
    };
    assert_eq!(world.verify(tenant).await.entries, 2);
    let hour = Some(Hour::of(world.clock.now()));
    let last = Scope {
        from: hour,
        to: hour,
        ..Scope::default()
    };
    assert_eq!(world.verify(last).await.entries, 5);
}

/// The ring with its authentication key retired and that of another one in
/// its place; without the retired one if it is not `kept`.
fn rotated(old: &SecretString, new: &SecretString, kept: bool) -> KeyRing {
    let parse =
        |ring: &SecretString| -> Json { serde_json::from_str(ring.expose_secret()).unwrap() };
    let (mut ring, other) = (parse(old), parse(new));
    let keys = ring["keys"].as_array_mut().unwrap();
    keys.retain(|key| kept || key["use"] != "mac");
    for key in keys.iter_mut().filter(|key| key["use"] == "mac") {
        key["state"] = "retired".into();
    }
    let others = other["keys"].as_array().unwrap();
    keys.extend(others.iter().filter(|key| key["use"] == "mac").cloned());
    KeyRing::parse(&SecretString::from(ring.to_string())).unwrap()
}

#[tokio::test]
async fn a_log_verifies_across_a_rotation_of_keys_while_retired_ones_are_kept() {
    let mut world = World::new().await;
    let generate = || KeyRing::generate(world.clock.as_ref(), &SystemRandom).unwrap();
    let (old, new) = (generate(), generate());
    let rings = Arc::new(KeyRings::new(Some(KeyRing::parse(&old).unwrap())));
    world.sources.rings = rings.clone();
    let (audit, writer) = world.idle(64);
    let writer = tokio::spawn(writer.run());
    // One chain, whose rows are under two keys.
    for tool in ["a", "b"] {
        audit
            .record(super::support::entry(TENANT, tool))
            .await
            .unwrap();
    }
    rings.replace(rotated(&old, &new, true));
    for tool in ["c", "d"] {
        audit
            .record(super::support::entry(TENANT, tool))
            .await
            .unwrap();
    }
    drop(audit);
    writer.await.unwrap();
    assert_eq!(world.findings().await, "");
    assert_eq!(world.verify(Scope::default()).await.entries, 4);
    // A row under the retired key is still found when it was altered.
    let row = world
        .rows(&world.partition(), "")
        .await
        .into_iter()
        .find(|row| {
            row.optional_text("entries")
                .unwrap()
                .is_some_and(|text| text.contains("\"a\""))
        })
        .unwrap();
    put(&world, &row.clone().with("entries", "[]")).await;
    assert!(world.findings().await.contains("was altered"));
    put(&world, &row).await;
    rings.replace(rotated(&old, &new, false));
    let findings = world.findings().await;
    assert_eq!(
        findings
            .matches("names a key that the key ring does not have")
            .count(),
        2,
        "{findings}"
    );
}

#[tokio::test]
async fn every_altered_property_is_found() {
    let world = world().await;
    let original = packs(&world).await.remove(2);
    for (name, value) in original.properties.clone() {
        let altered = match value {
            Value::String(text) if text.is_empty() => Value::from("x"),
            Value::String(text) => {
                let flipped = if text.starts_with('0') { "1" } else { "0" };
                Value::from(format!("{flipped}{}", &text[1..]))
            }
            Value::Int64(number) => Value::from(number + 1),
            other => panic!("{other:?}"),
        };
        put(&world, &original.clone().with(name.as_str(), altered)).await;
        assert_ne!(world.findings().await, "", "{name}");
    }
    put(&world, &original.clone().with("more", "x")).await;
    assert!(world.findings().await.contains("was altered"));
    put(&world, &original).await;
    assert_eq!(world.findings().await, "");
}

#[tokio::test]
async fn a_removed_row_is_found() {
    let world = world().await;
    let row = packs(&world).await.remove(2);
    remove(&world, &row).await;
    let findings = world.findings().await;
    assert!(
        findings.contains("1 of the 5 rows") && findings.contains(": 3"),
        "{findings}"
    );
}

#[tokio::test]
async fn swapped_rows_are_found() {
    let world = world().await;
    let rows = packs(&world).await;
    for (here, there) in [(1, 3), (3, 1)] {
        let mut moved = rows[there].clone();
        moved.row.clone_from(&rows[here].row);
        put(&world, &moved).await;
    }
    let findings = world.findings().await;
    assert_eq!(
        findings.matches("was altered, moved").count(),
        2,
        "{findings}"
    );
}

#[tokio::test]
async fn a_tail_that_was_cut_off_is_found() {
    let world = world().await;
    let rows = packs(&world).await;
    for row in &rows[3..] {
        remove(&world, row).await;
    }
    let findings = world.findings().await;
    assert!(findings.contains("2 of the 5 rows"), "{findings}");
    // A head made up for what is left is no head.
    let tag = rows[2].text("tag").unwrap().to_owned();
    let head = head(&world).await;
    put(
        &world,
        &head.clone().with("sequence", 3_i64).with("last", tag),
    )
    .await;
    let findings = world.findings().await;
    assert!(findings.contains("was cut off"), "{findings}");
    remove(&world, &head).await;
    let findings = world.findings().await;
    assert!(findings.contains("head of run"), "{findings}");
}

#[tokio::test]
async fn an_hour_that_was_put_back_to_an_earlier_state_is_found() {
    let world = World::new().await;
    let (audit, writer) = world.idle(64);
    let writer = tokio::spawn(writer.run());
    audit
        .record(super::support::entry(TENANT, "a"))
        .await
        .unwrap();
    let early = head(&world).await;
    audit
        .record(super::support::entry(TENANT, "b"))
        .await
        .unwrap();
    drop(audit);
    writer.await.unwrap();
    let mut rows = world.rows(&world.partition(), "0").await;
    rows.extend(world.rows(&world.partition(), "9").await);
    let last = rows
        .iter()
        .find(|row| row.int64("sequence").unwrap() == 2)
        .unwrap();
    remove(&world, last).await;
    put(&world, &early).await;
    let findings = world.findings().await;
    assert!(
        findings.contains("its list knows 2 rows, its head 1"),
        "{findings}"
    );
}

#[tokio::test]
async fn a_whole_hour_that_was_removed_is_found_by_the_lists() {
    let world = world().await;
    for row in world.rows(&world.partition(), "").await {
        remove(&world, &row).await;
    }
    let findings = world.findings().await;
    assert!(
        findings.contains("its list knows 5 rows, its head 0"),
        "{findings}"
    );
    assert!(findings.contains("the head of run"), "{findings}");
}

#[tokio::test]
async fn a_list_of_heads_that_was_removed_is_found_by_the_next() {
    let world = world().await;
    let before = Hour::of(world.clock.now()).before();
    for row in world.rows(&format!("runs-{before}"), "").await {
        remove(&world, &row).await;
    }
    let findings = world.findings().await;
    assert!(findings.contains("was removed"), "{findings}");
}

#[tokio::test]
async fn what_has_expired_may_be_gone() {
    let world = world().await;
    let rows = packs(&world).await;
    world.clock.advance(Duration::from_hours(366 * 24));
    for row in rows.iter().take(3) {
        remove(&world, row).await;
    }
    assert_eq!(world.findings().await, "");
}

mod any {
    use proptest::prelude::*;

    use super::*;

    /// One thing that is done to one row.
    #[derive(Debug, Clone, Copy)]
    enum Deed {
        Remove,
        Alter(usize),
        Move,
    }

    fn deed() -> impl Strategy<Value = Deed> {
        prop_oneof![
            Just(Deed::Remove),
            (0_usize..10_000).prop_map(Deed::Alter),
            Just(Deed::Move),
        ]
    }

    async fn found(steps: &[(bool, u64)], target: usize, deed: Deed) -> (String, String) {
        let world = World::new().await;
        let entries: Vec<_> = steps
            .iter()
            .map(|(own, seconds)| (if *own { TENANT } else { OTHER }, "tool", *seconds))
            .collect();
        let partition = world.partition();
        world.run(&entries).await;
        let clean = world.findings().await;
        let mut rows = world.rows(&partition, "").await;
        rows.extend(world.rows(&world.partition(), "").await);
        if rows.is_empty() {
            return (clean, "nothing to do".to_owned());
        }
        let row = rows[target % rows.len()].clone();
        match deed {
            Deed::Remove => remove(&world, &row).await,
            Deed::Move => {
                remove(&world, &row).await;
                let mut moved = row.clone();
                moved.row.push('0');
                put(&world, &moved).await;
            }
            Deed::Alter(place) => {
                let names: Vec<_> = row.properties.keys().cloned().collect();
                let name = names[place % names.len()].as_str();
                let altered = match row.value(name).unwrap() {
                    Value::Int64(number) => Value::from(number ^ 1),
                    Value::String(text) => Value::from(format!("{text}x")),
                    other => panic!("{other:?}"),
                };
                put(&world, &row.clone().with(name, altered)).await;
            }
        }
        (clean, world.findings().await)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn any_deed_to_any_row_is_found(
            steps in proptest::collection::vec((any::<bool>(), 0_u64..2000), 1..12),
            target in 0_usize..1000,
            deed in deed(),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let (clean, after) = runtime.block_on(found(&steps, target, deed));
            prop_assert_eq!(clean, "");
            prop_assert!(!after.is_empty(), "{:?} was not found", deed);
        }
    }
}
