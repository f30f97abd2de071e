//! The timer: what has ended is deleted, and health says when.

use entrada_tables::{Query, Row};
use serde_json::{Value, json};

use crate::rig::Rig;

const TABLE: &str = "entradarevocations";

async fn sweep(rig: &Rig) -> Value {
    if let Some(host) = rig.handler.host() {
        let result = host.invoke_timer("sweep").await.unwrap();
        return json!({"Logs": result.logs});
    }
    let timer = json!({"IsPastDue": false, "Schedule": {"AdjustForDST": true}});
    let body = json!({"Data": {"timer": timer}, "Metadata": {}});
    let request = rig.http.post(rig.handler.wrapped_url("sweep")).json(&body);
    let (status, answer) = rig.ask(request).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["Outputs"].is_object());
    answer
}

#[tokio::test]
async fn a_sweep_deletes_what_has_ended_and_nothing_else() {
    let mut rig = Rig::start().await;
    let (_, before) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
    assert!(before.get("last_sweep").is_none(), "{before}");
    rig.handler.kill().await;
    {
        let tables = rig.tables();
        for (key, ends) in [("ended", 1_000_000_000_i64), ("goes-on", 4_000_000_000)] {
            let row = Row::new("of-the-test", key).with("expires_at", ends);
            tables.insert(TABLE, &row).await.unwrap();
        }
        let row = Row::new("of-the-test", "never-ends");
        tables.insert(TABLE, &row).await.unwrap();
    }
    rig.restart().await;
    let answer = sweep(&rig).await;
    assert_eq!(answer["Logs"][0], "Deleted 1 rows that had ended.");
    assert_eq!(
        sweep(&rig).await["Logs"][0],
        "A sweep began here a short time ago."
    );
    rig.restart().await;
    assert_eq!(
        sweep(&rig).await["Logs"][0],
        "Deleted 0 rows that had ended."
    );
    let (_, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
    let swept = health["last_sweep"].as_str().expect("a time");
    assert!(swept.ends_with('Z') && swept > "2026", "{swept}");
    rig.handler.kill().await;
    let query = Query::partition("of-the-test");
    let rows = entrada_tables::query_all(rig.tables().as_ref(), TABLE, &query, 10).await;
    let left: Vec<_> = rows.unwrap().into_iter().map(|row| row.row).collect();
    assert_eq!(left, ["goes-on", "never-ends"]);
}
