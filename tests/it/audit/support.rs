//! A server whose storage can be looked into, and kept from answering.

use std::sync::Arc;

use entrada_tables::{Query, query_all};
use reqwest::Response;
use serde_json::{Value, json};

use crate::rig::{Rig, Watched};

pub(super) const TABLE: &str = "entradaaudit";

/// A server in this process and its storage.
pub(super) async fn stallable(settings: &[(&str, &str)]) -> (Rig, Arc<Watched>) {
    let mut watched = None;
    let rig = Rig::inside(settings, |tables| {
        let tables = Watched::new(tables);
        watched = Some(tables.clone());
        tables
    })
    .await;
    (rig, watched.unwrap())
}

pub(super) async fn mcp(rig: &Rig, token: &str, method: &str, parameters: Value) -> Response {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters});
    rig.http
        .post(rig.url("/mcp"))
        .bearer_auth(token)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .json(&body)
        .send()
        .await
        .unwrap()
}

pub(super) async fn call(rig: &Rig, token: &str, tool: &str, arguments: Value) -> Response {
    let parameters = json!({"name": tool, "arguments": arguments});
    mcp(rig, token, "tools/call", parameters).await
}

/// The entries in storage about a tool or, without one, of a method.
pub(super) async fn stored(tables: &Watched, tool: &str) -> Vec<Value> {
    let tables = tables.unwatched();
    let keys = tables.expired(TABLE, i64::MAX / 2, 1000, None).await;
    let mut partitions: Vec<_> = keys
        .unwrap()
        .rows
        .into_iter()
        .map(|row| row.partition)
        .filter(|name| !name.starts_with("runs-"))
        .collect();
    partitions.dedup();
    let mut found = Vec::new();
    for partition in partitions {
        let query = Query::partition(partition);
        for row in query_all(tables, TABLE, &query, 10_000).await.unwrap() {
            let Some(entries) = row.optional_text("entries").unwrap() else {
                continue;
            };
            let entries: Vec<Value> = serde_json::from_str(entries).unwrap();
            found.extend(
                entries
                    .into_iter()
                    .filter(|entry| entry["tool"] == tool || entry["method"] == tool),
            );
        }
    }
    found
}
