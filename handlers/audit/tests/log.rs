//! The queue, what is durable when, and reading back.

use std::time::Duration;

use super::support::{TENANT, USER, World, entry};
use crate::audit::{AuditError, Entry, Outcome};

#[tokio::test]
async fn a_full_queue_is_waited_for_a_second_and_then_refused() {
    let world = World::new().await;
    let (audit, writer) = world.idle(2);
    audit.room().await.unwrap();
    audit
        .begin(entry(TENANT, "a"))
        .await
        .unwrap()
        .finish(Outcome::Succeeded, None);
    let open = audit.begin(entry(TENANT, "b")).await.unwrap();
    let clock = entrada_ambient::SystemClock::new();
    assert_eq!(
        audit.begin(entry(TENANT, "c")).await.unwrap_err(),
        AuditError::Full
    );
    let waited = entrada_ambient::Clock::monotonic(&clock);
    assert!(waited >= Duration::from_secs(1));
    assert_eq!(audit.room().await.unwrap_err(), AuditError::Full);
    open.finish(Outcome::Failed, None);
    // Once the writer works, a waiting request gets its place.
    tokio::spawn(writer.run());
    audit.record(entry(TENANT, "c")).await.unwrap();
    let tools: Vec<_> = world.page(&world.query()).await.entries;
    let tools: Vec<_> = tools
        .iter()
        .map(|entry| entry.tool.clone().unwrap())
        .collect();
    assert_eq!(tools, ["c", "b", "a"]);
}

#[tokio::test]
async fn reads_are_written_within_a_second_in_one_row() {
    let world = World::new().await;
    let (audit, writer) = world.idle(1000);
    tokio::spawn(writer.run());
    for _ in 0..60 {
        audit
            .begin(entry(TENANT, "t"))
            .await
            .unwrap()
            .finish(Outcome::Succeeded, None);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.page(&world.query()).await.entries.len(), 60);
    let rows = world.rows(&world.partition(), "9").await;
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn what_is_recorded_is_stored_when_the_call_returns() {
    let world = World::new().await;
    let (audit, writer) = world.idle(10);
    tokio::spawn(writer.run());
    let pending = audit.begin(entry(TENANT, "write")).await.unwrap();
    world.clock.advance(Duration::from_millis(70));
    pending
        .finish_durably(Outcome::Failed, Some("tool_error"))
        .await
        .unwrap();
    let entries = world.page(&world.query()).await.entries;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].duration_ms, 70);
    assert_eq!(entries[0].outcome, Outcome::Failed);
    assert_eq!(entries[0].user, Some(USER));
}

#[tokio::test]
async fn a_call_whose_caller_went_away_is_entered() {
    let world = World::new().await;
    let (audit, writer) = world.idle(10);
    tokio::spawn(writer.run());
    drop(audit.begin(entry(TENANT, "write")).await.unwrap());
    audit.record(entry(TENANT, "after")).await.unwrap();
    let entries = world.page(&world.query()).await.entries;
    assert_eq!(entries[1].outcome, Outcome::Abandoned);
}

#[tokio::test]
async fn a_refusal_whose_caller_left_a_full_queue_is_counted() {
    let world = World::new().await;
    let (audit, writer) = world.idle(1);
    let open = audit.begin(entry(TENANT, "a")).await.unwrap();
    let refusal = || Entry::new("/mcp").by(TENANT, USER).refused("because");
    // Some time within the second for which it waits for a place.
    let left = tokio::time::timeout(Duration::from_millis(20), audit.refuse(refusal())).await;
    assert!(left.is_err());
    open.finish(Outcome::Succeeded, None);
    let writer = tokio::spawn(writer.run());
    drop(audit);
    writer.await.unwrap();
    let entries = world.page(&world.query()).await.entries;
    let refused = entries.iter().find(|entry| entry.method == "/mcp");
    assert_eq!(refused.and_then(|entry| entry.count), Some(1));
}

#[tokio::test]
async fn while_storage_is_away_nothing_is_dropped_and_writes_are_refused() {
    let world = World::new().await;
    // A table that is not there yet.
    let elsewhere = entrada_tables::EmbeddedTables::in_memory(world.clock.clone()).unwrap();
    let elsewhere: std::sync::Arc<dyn entrada_tables::Tables> = std::sync::Arc::new(elsewhere);
    let mut sources = world.sources.clone();
    sources.tables = elsewhere.clone();
    let (audit, writer) = crate::audit::Audit::new(sources);
    tokio::spawn(writer.run());
    assert_eq!(
        audit.record(entry(TENANT, "a")).await,
        Err(AuditError::NotDurable)
    );
    assert_eq!(audit.ready().await, Err(AuditError::NotDurable));
    elsewhere.create_table(crate::audit::TABLE).await.unwrap();
    audit.record(entry(TENANT, "b")).await.unwrap();
    audit.ready().await.unwrap();
    let reader = crate::audit::AuditReader::new(elsewhere, world.clock.clone());
    let page = reader.page(&world.query()).await.unwrap().unwrap();
    assert_eq!(page.entries.len(), 2);
}

#[tokio::test]
async fn unknown_callers_are_counted_in_a_partition_of_their_own() {
    let world = World::new().await;
    let (audit, writer) = world.idle(10);
    let writer = tokio::spawn(writer.run());
    for _ in 0..5000 {
        audit.count("/mcp", "TOKEN_INVALID");
    }
    drop(audit);
    writer.await.unwrap();
    let partition = world.partition().replace(&TENANT.to_string(), "unknown");
    let rows = world.rows(&partition, "9").await;
    assert_eq!(rows.len(), 1);
    assert!(rows[0].text("entries").unwrap().contains("\"count\":5000"));
    assert!(world.page(&world.query()).await.entries.is_empty());
}

#[tokio::test]
async fn pages_follow_each_other_over_hours_without_gaps_or_repeats() {
    let world = World::new().await;
    let names: Vec<String> = (0..40).map(|index| format!("tool{index}")).collect();
    let steps: Vec<_> = names
        .iter()
        .map(|name| (TENANT, name.as_str(), 700))
        .collect();
    world.run(&steps[..20]).await;
    world.run(&steps[20..]).await;
    let mut query = world.query();
    query.limit = 7;
    let mut seen = Vec::new();
    loop {
        let page = world.page(&query).await;
        assert!(page.entries.len() <= 7);
        seen.extend(page.entries.into_iter().filter_map(|entry| entry.tool));
        let Some(cursor) = page.next_cursor else {
            break;
        };
        query.cursor = Some(cursor);
    }
    let mut expected = names.clone();
    expected.reverse();
    assert_eq!(seen, expected);
    query.cursor = None;
    query.tool = Some("tool3".to_owned());
    assert_eq!(world.page(&query).await.entries.len(), 1);
    query.tool = None;
    query.outcome = Some(Outcome::Refused);
    assert!(world.page(&query).await.entries.is_empty());
}

#[tokio::test]
async fn entries_are_found_by_person_tool_time_and_outcome() {
    let world = World::new().await;
    let (audit, writer) = world.idle(64);
    tokio::spawn(writer.run());
    let other = uuid::Uuid::from_u128(0xa2);
    for (user, tool, refused) in [
        (USER, "a", false),
        (USER, "b", true),
        (other, "a", true),
        (other, "b", false),
    ] {
        world.clock.advance(Duration::from_mins(1));
        let mut entry = entry(TENANT, tool).by(TENANT, user);
        if refused {
            entry = entry.refused("because");
        }
        audit.record(entry).await.unwrap();
    }
    let now = entrada_ambient::Clock::now(world.clock.as_ref());
    let found = async |change: &dyn Fn(&mut crate::audit::AuditQuery)| {
        let mut query = world.query();
        change(&mut query);
        let entries = world.page(&query).await.entries;
        let names = entries.iter().map(|entry| {
            let user = if entry.user == Some(USER) {
                "first"
            } else {
                "other"
            };
            format!("{user} {}", entry.tool.as_deref().unwrap())
        });
        names.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(found(&|_| {}).await, "other b, other a, first b, first a");
    assert_eq!(
        found(&|query| query.user = Some(other)).await,
        "other b, other a"
    );
    assert_eq!(
        found(&|query| query.tool = Some("a".to_owned())).await,
        "other a, first a"
    );
    assert_eq!(
        found(&|query| query.outcome = Some(Outcome::Refused)).await,
        "other a, first b"
    );
    // Both ends of the range count.
    let minute = Duration::from_mins(1);
    assert_eq!(
        found(&|query| (query.from, query.to) = (now - 2 * minute, now - minute)).await,
        "other a, first b"
    );
    assert_eq!(
        found(&|query| {
            query.user = Some(USER);
            query.tool = Some("b".to_owned());
            query.outcome = Some(Outcome::Refused);
        })
        .await,
        "first b"
    );
}

#[tokio::test]
async fn a_cursor_of_another_range_is_refused() {
    let world = World::new().await;
    let reader = crate::audit::AuditReader::new(world.tables.clone(), world.clock.clone());
    for cursor in [
        "",
        "x",
        "eyJob3VyIjoiMjAyMDAxMDEwMCIsInJvdyI6bnVsbCwic2tpcCI6MH0",
    ] {
        let mut query = world.query();
        query.cursor = Some(cursor.to_owned());
        assert!(reader.page(&query).await.unwrap().is_err(), "{cursor}");
    }
}

#[tokio::test]
async fn nothing_that_an_entry_holds_is_longer_than_a_row_takes() {
    let world = World::new().await;
    let long = "\u{7}\"é".repeat(100_000);
    let mut arguments = serde_json::Map::new();
    for index in 0..200 {
        arguments.insert(format!("{long}{index}"), long.clone().into());
    }
    let entry = Entry::new("tools/call")
        .by(TENANT, USER)
        .through(Some(&long))
        .tool(&long, Some(&arguments));
    let (audit, writer) = world.idle(100);
    let writer = tokio::spawn(writer.run());
    for _ in 0..50 {
        audit
            .begin(entry.clone())
            .await
            .unwrap()
            .finish(Outcome::Succeeded, None);
    }
    drop(audit);
    writer.await.unwrap();
    assert_eq!(world.page(&world.query()).await.entries.len(), 50);
}
