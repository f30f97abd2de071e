//! Places do not wait for each other, and counts wait for nobody.

use std::sync::Arc;
use std::time::Duration;

use entrada_tables::Condition;
use futures::future::join_all;
use uuid::Uuid;

use super::support::{TENANT, USER, World, entry};
use crate::audit::{Audit, Entry, TABLE};

const OTHER: Uuid = Uuid::from_u128(0xf0);

fn tenants(number: u128) -> impl Iterator<Item = Uuid> {
    (0..number).map(|tenant| Uuid::from_u128(0xd000 + tenant))
}

/// A log that is written.
fn written(world: &World) -> Arc<Audit> {
    let (audit, writer) = world.idle(4096);
    tokio::spawn(writer.run());
    Arc::new(audit)
}

async fn tools(world: &World, tenant: Uuid) -> Vec<String> {
    let mut query = world.query();
    query.tenant = tenant;
    let entries = world.page(&query).await.entries;
    let tools = entries.into_iter().filter_map(|entry| entry.tool);
    tools.rev().collect()
}

#[tokio::test]
async fn sixteen_tenants_are_written_at_once_and_the_others_follow() {
    let (world, storage) = World::holding().await;
    let audit = written(&world);
    storage.hold("");
    let recording = tokio::spawn({
        let audit = audit.clone();
        async move {
            let entries = tenants(40).map(|tenant| audit.record(entry(tenant, "write")));
            join_all(entries).await
        }
    });
    assert_eq!(storage.held_back(16).await, 16);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(storage.held_back(16).await, 16);
    storage.let_go();
    assert!(recording.await.unwrap().iter().all(Result::is_ok));
    assert_eq!(world.findings().await, "");
    for tenant in tenants(40) {
        assert_eq!(tools(&world, tenant).await, ["write"]);
    }
}

#[tokio::test]
async fn a_slow_partition_keeps_nobody_waiting_but_its_own() {
    let (world, storage) = World::holding().await;
    let audit = written(&world);
    storage.hold(&TENANT.to_string());
    let slow = |tool: &'static str| {
        let audit = audit.clone();
        tokio::spawn(async move { audit.record(entry(TENANT, tool)).await })
    };
    let first = slow("first");
    assert_eq!(storage.held_back(1).await, 1);
    let second = slow("second");
    for tool in ["a", "b"] {
        world.clock.advance(Duration::from_secs(1));
        let others = audit.record(entry(OTHER, tool));
        let others = tokio::time::timeout(Duration::from_secs(5), others).await;
        others.expect("waits for another tenant").unwrap();
    }
    assert!(!first.is_finished() && !second.is_finished());
    storage.let_go();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(tools(&world, TENANT).await, ["first", "second"]);
    assert_eq!(tools(&world, OTHER).await, ["a", "b"]);
    assert_eq!(world.findings().await, "");
}

#[tokio::test]
async fn a_chain_that_was_cut_off_begins_again_while_others_go_on() {
    let world = World::new().await;
    let (audit, writer) = world.idle(64);
    let writer = tokio::spawn(writer.run());
    let everywhere = async |tool: &'static str| {
        let entries = [TENANT, OTHER].into_iter().chain(tenants(30));
        let entries = entries.map(|tenant| audit.record(entry(tenant, tool)));
        world.clock.advance(Duration::from_secs(1));
        assert!(join_all(entries).await.iter().all(Result::is_ok));
    };
    everywhere("a").await;
    let head = world.rows(&world.partition(), "head-").await.remove(0);
    let tables = &world.tables;
    tables
        .delete(TABLE, &head.partition, &head.row, &Condition::None)
        .await
        .unwrap();
    for tool in ["b", "c"] {
        everywhere(tool).await;
    }
    drop(audit);
    writer.await.unwrap();
    for tenant in [TENANT, OTHER].into_iter().chain(tenants(30)) {
        assert_eq!(tools(&world, tenant).await, ["a", "b", "c"]);
    }
    let findings = world.findings().await;
    assert!(findings.contains("head of run"), "{findings}");
    let of_tenant = |line: &str| line.starts_with(&world.partition());
    assert!(findings.lines().all(of_tenant), "{findings}");
}

#[tokio::test]
async fn counts_are_written_within_seconds_although_entries_never_cease() {
    let world = World::new().await;
    let audit = written(&world);
    // While one is written another one comes.
    let entries: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|tool| {
            let audit = audit.clone();
            tokio::spawn(async move {
                loop {
                    audit.record(entry(TENANT, tool)).await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..3 {
        let refusal = Entry::new("/mcp").by(TENANT, USER).refused("because");
        audit.refuse(refusal).await.unwrap();
    }
    audit.count("/mcp", "TOKEN_INVALID");
    world.clock.advance(Duration::from_secs(5));
    let unknown = world.partition().replace(&TENANT.to_string(), "unknown");
    let counted = async {
        while world.rows(&unknown, "9").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let counted = tokio::time::timeout(Duration::from_secs(3), counted).await;
    counted.expect("counts wait for a pause");
    entries.iter().for_each(tokio::task::JoinHandle::abort);
}
