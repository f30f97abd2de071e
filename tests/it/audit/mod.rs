//! The audit log from outside: what is in it, when, and that it can be
//! verified.

mod full;
mod refusals;
mod support;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::rig::{Person, Rig, through_host, until};

async fn call(rig: &Rig, token: &str, name: &str, arguments: Value) -> Value {
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": name, "arguments": arguments},
    });
    let request = rig
        .http
        .post(rig.url("/mcp"))
        .bearer_auth(token)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .json(&body);
    rig.ask(request).await.1
}

/// What the log holds, newest first.
async fn entries(rig: &Rig, filter: Value) -> Vec<Value> {
    let answer = call(rig, &rig.token("admin"), "admin_audit_query", filter).await;
    let page = &answer["result"]["structuredContent"];
    page["entries"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"))
        .clone()
}

#[tokio::test]
async fn a_write_is_in_the_log_although_the_server_is_killed_right_after_the_answer() {
    let mut rig = Rig::start().await;
    let arguments = json!({"city": "Lisbon", "condition": "storm", "message": "Bring the cat in"});
    let answer = call(&rig, &rig.token("writer"), "set_weather_alert", arguments).await;
    rig.restart().await;
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let entries = entries(&rig, json!({"tool": "set_weather_alert"})).await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["outcome"], "succeeded");
    assert_eq!(entries[0]["arguments"]["city"], "Lisbon");
    assert!(!entries[0].to_string().contains("cat"));
    assert!(entries[0]["user"].is_string() && entries[0]["correlation_id"].is_string());
}

#[tokio::test]
async fn refusals_sign_ins_and_reads_are_in_the_log() {
    let rig = Rig::start().await;
    let reader = rig.token("reader");
    for name in ["set_weather_alert", "no_such_tool_ever"] {
        call(&rig, &reader, name, json!({"password": "hunter2"})).await;
        let found = entries(&rig, json!({"tool": name, "outcome": "refused"})).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["reason"], "hidden_or_unknown_tool");
        assert!(!found[0].to_string().contains("hunter2"));
    }
    let tokens = Person::new(&rig, "writer").tokens().await;
    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    let (status, _) = rig
        .ask(rig.http.post(rig.url("/auth/refresh")).json(&refresh))
        .await;
    assert_eq!(status, 200);
    let all = entries(&rig, json!({})).await;
    for method in ["sign_in", "grant.redeemed", "grant.refreshed"] {
        let found = all.iter().filter(|entry| entry["method"] == method).count();
        assert_eq!(found, 1, "{method}: {all:?}");
    }
    assert!(!serde_json::to_string(&all).unwrap().contains("eyJ"));
    call(&rig, &reader, "get_weather", json!({"city": "Lisbon"})).await;
    until("a read is in the log", async || {
        let found = entries(&rig, json!({"tool": "get_weather"})).await;
        !found.is_empty()
    })
    .await;
}

#[tokio::test]
async fn only_administrators_query_the_log() {
    let rig = Rig::start().await;
    for persona in ["all", "norole"] {
        let answer = call(&rig, &rig.token(persona), "admin_audit_query", json!({})).await;
        assert_eq!(answer["error"]["code"], -32602, "{persona}: {answer}");
    }
    let range = json!({"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"});
    let answer = call(&rig, &rig.token("admin"), "admin_audit_query", range).await;
    assert_eq!(answer["result"]["isError"], true);
}

#[tokio::test]
async fn the_log_verifies_until_somebody_takes_a_row_away() {
    if through_host() {
        return;
    }
    let mut rig = Rig::start().await;
    for city in ["Lisbon", "Porto", "Faro"] {
        let arguments = json!({"city": city, "condition": "storm"});
        call(&rig, &rig.token("writer"), "set_weather_alert", arguments).await;
    }
    rig.handler.kill().await;
    let (sound, text) = verify(&rig).await;
    assert!(sound, "{text}");
    assert!(text.contains("all of them whole"), "{text}");
    {
        use entrada_tables::{Condition, Query};
        let tables = rig.tables();
        let tenant = entrada_stand_ins::directory::CONTOSO;
        let found = tables
            .expired("entradaaudit", i64::MAX / 2, 100, None)
            .await
            .unwrap();
        let partition = found
            .rows
            .into_iter()
            .map(|row| row.partition)
            .find(|name| name.starts_with(&tenant.to_string()))
            .unwrap();
        let rows = tables
            .query("entradaaudit", &Query::partition(partition))
            .await
            .unwrap();
        let row = &rows.rows[1];
        tables
            .delete("entradaaudit", &row.partition, &row.row, &Condition::Exists)
            .await
            .unwrap();
    }
    let (sound, text) = verify(&rig).await;
    assert!(!sound);
    assert!(text.contains("are missing"), "{text}");
}

#[tokio::test]
async fn that_the_log_cannot_be_looked_at_is_another_exit_code_than_a_finding() {
    let rig = Rig::start().await;
    let output = verification(&rig)
        .env_remove("ENTRADA_STORAGE")
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("ENTRADA_STORAGE"), "{errors}");
}

#[tokio::test]
async fn the_verdict_stands_although_nobody_reads_on() {
    if through_host() {
        return;
    }
    let mut rig = Rig::start().await;
    call(&rig, &rig.token("reader"), "whoami", json!({})).await;
    rig.handler.kill().await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = verification(&rig).stdout(writer).status().await.unwrap();
    assert_eq!(status.code(), Some(0));
}

/// `entrada audit verify`, which is told of storage and key ring alone of the
/// server's settings.
fn verification(rig: &Rig) -> Command {
    let told = rig.handler.environment().iter().filter(|(name, _)| {
        matches!(
            name.as_str(),
            "ENTRADA_STORAGE" | "ENTRADA_KEY_RING" | "SSL_CERT_FILE"
        )
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_entrada"));
    command
        .args(["audit", "verify"])
        .env_clear()
        .envs(told.cloned());
    command
}

/// Whether `entrada audit verify` is content, and what it prints.
async fn verify(rig: &Rig) -> (bool, String) {
    let output = verification(rig).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{errors}");
    (output.status.success(), text + &errors)
}
