//! The sweep re-encrypts what is under a retired key, which then can go.

use std::collections::BTreeSet;

use entrada::identity::{SealedColumn, sealed_under};
use entrada_ambient::{Clock as _, SystemClock};
use entrada_tables::{Condition, Row, Value};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Officer, age, control, keys, kids, secretless};
use crate::rig::{Person, Rig, through_host, until};
use crate::tools::call;

/// A server whose identity may change the vault's secrets.
async fn rig() -> Rig {
    let rig = Rig::unready(async |stand_ins| {
        let role = json!({"role": "secrets_officer"});
        control(stand_ins, "vault-access", role).await;
        secretless(stand_ins)
    })
    .await;
    let (done, text) = keys(&rig, &["init"]).await;
    assert!(done, "{text}");
    rig.handler.wait().await;
    rig
}

/// Takes a new encryption key into use; the id of the one before.
async fn rotate(rig: &Rig) -> String {
    let officer = Officer::of(&rig.stand_ins);
    let old = kids(&officer.ring().await, "enc")[0].clone();
    let (done, text) = keys(rig, &["rotate", "--use", "enc"]).await;
    assert!(done, "{text}");
    age(&officer, 11).await;
    let (done, text) = keys(rig, &["rotate", "--use", "enc"]).await;
    assert!(
        done && text.contains(&format!("{old} has retired")),
        "{text}"
    );
    old
}

/// Makes the retired keys so many days longer retired than they are.
async fn retired_for(officer: &Officer<'_>, days: i64) {
    let mut ring = officer.ring().await;
    for key in ring["keys"].as_array_mut().unwrap() {
        if let Some(at) = key["retired_at"].as_str() {
            let at = OffsetDateTime::parse(at, &Rfc3339).unwrap() - time::Duration::days(days);
            key["retired_at"] = json!(at.format(&Rfc3339).unwrap());
        }
    }
    officer.write_ring(&ring).await;
}

/// Has an agent ask for approval; what it asked is kept with its answer.
async fn be_asked(rig: &Rig, access: &str) {
    let session = json!({"agent_id": "approver"});
    let (status, session) = rig.post("/api/sessions", access, &session).await;
    assert_eq!(status, 201, "{session}");
    let turn = json!({"session_id": session["session"]["id"], "content": "Close the issue."});
    let (status, answer) = rig.post("/api/chat", access, &turn).await;
    assert_eq!(status, 200, "{answer}");
}

/// Has the server seal something of every kind; the person's refresh token.
async fn seal_everything(rig: &Rig) -> String {
    let tokens = Person::new(rig, "writer").tokens().await;
    let access = tokens["access_token"].as_str().unwrap();
    call(rig, access, "graph_me", json!({})).await;
    be_asked(rig, access).await;
    let login = rig.http.get(rig.url("/auth/login")).send().await.unwrap();
    assert!(login.status().is_redirection());
    tokens["refresh_token"].as_str().unwrap().to_owned()
}

/// A value that lies sealed in storage.
struct Sealed {
    table: &'static str,
    column: String,
    kid: String,
    row: Row,
}

/// What lies sealed in storage under any of these keys, in any table and
/// column. Only while no server has the storage open.
async fn sealed(rig: &Rig, kids: &[String]) -> Vec<Sealed> {
    let tables = rig.tables();
    let mut found = Vec::new();
    for table in entrada::app::TABLES {
        // No table here has a thousand rows.
        let page = tables.scan(table, &[], 1000, None).await.unwrap();
        for keys in page.rows {
            let row = tables.get(table, &keys.partition, &keys.row).await;
            let row = row.unwrap().unwrap();
            for (column, value) in &row.properties {
                let Value::Binary(bytes) = value else {
                    continue;
                };
                let kid = sealed_under(bytes).unwrap_or_default();
                if kids.iter().any(|known| known == kid) {
                    found.push(Sealed {
                        table,
                        column: column.clone(),
                        kid: kid.to_owned(),
                        row: row.clone(),
                    });
                }
            }
        }
    }
    found
}

async fn sweep(rig: &Rig) -> String {
    let timer = json!({"IsPastDue": false});
    let body = json!({"Data": {"timer": timer}, "Metadata": {}});
    let request = rig.http.post(rig.handler.wrapped_url("sweep")).json(&body);
    let (status, answer) = rig.ask(request).await;
    assert_eq!(status, 200, "{answer}");
    answer["Logs"].to_string()
}

/// `entrada keys …` with the rig's storage named, which no server has open.
async fn keys_and_storage(rig: &Rig, arguments: &[&str]) -> (bool, String) {
    let mut settings = rig.handler.environment().iter();
    let storage = settings
        .find(|(name, _)| name == "ENTRADA_STORAGE")
        .unwrap();
    let mut command = super::command(rig, arguments);
    command.env(&storage.0, &storage.1);
    let output = command.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text + &errors)
}

/// Nothing is sealed that the registry of sealed columns does not name, and
/// everything that it names was met.
fn are_registered(met: &[Sealed]) {
    let met = met
        .iter()
        .map(|met| (met.table, met.column.as_str()))
        .collect::<BTreeSet<_>>();
    let known = SealedColumn::STORED
        .iter()
        .map(|column| (column.table(), column.name()))
        .collect::<BTreeSet<_>>();
    assert_eq!(met, known);
}

/// What ends within the hour was left to its end, which comes now; of the rest
/// nothing but the key has changed.
async fn ends_come(rig: &Rig, old: &str, before: &[Sealed], after: &[Sealed]) {
    let tables = rig.tables();
    let soon = SystemClock::new().unix() + 3_700;
    for now in after {
        let ends = now.row.expires_at();
        if now.kid == old {
            assert!(ends.is_some_and(|at| at <= soon), "{}", now.column);
            let (partition, row) = (&now.row.partition, &now.row.row);
            let gone = tables.delete(now.table, partition, row, &Condition::None);
            gone.await.unwrap();
            continue;
        }
        let then = before
            .iter()
            .find(|then| then.row.row == now.row.row)
            .unwrap();
        let mut expected = then.row.clone();
        for column in SealedColumn::STORED {
            if let Some(value) = now.row.value(column.name()) {
                expected = expected.with(column.name(), value.clone());
            }
        }
        assert_eq!(expected.properties, now.row.properties);
    }
}

/// What a server that has just started says of re-encryption.
async fn re_encryption(rig: &Rig) -> serde_json::Value {
    let (_, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
    health["re_encryption"].clone()
}

#[tokio::test]
async fn what_is_stored_is_re_encrypted_and_then_the_old_key_goes() {
    if through_host() {
        // The vault's certificate and the program are this process's own.
        return;
    }
    let mut rig = rig().await;
    let refresh = seal_everything(&rig).await;
    assert!(!sweep(&rig).await.contains("Re-encrypted"));
    let old = rotate(&rig).await;
    let kids = kids(&Officer::of(&rig.stand_ins).ring().await, "enc");
    rig.handler.kill().await;
    let before = sealed(&rig, &kids).await;
    are_registered(&before);
    assert!(before.iter().all(|value| value.kid == old));
    rig.restart().await;
    assert!(sweep(&rig).await.contains("Re-encrypted"));
    rig.handler.kill().await;
    retired_for(&Officer::of(&rig.stand_ins), 2).await;
    let (done, text) = keys_and_storage(&rig, &["rotate", "--drop", &old]).await;
    assert!(
        !done && text.contains("storage holds what it encrypted"),
        "{text}"
    );
    let after = sealed(&rig, &kids).await;
    ends_come(&rig, &old, &before, &after).await;
    rig.restart().await;
    let mut said = json!(null);
    // Storage that did not answer at once is asked again ten seconds later.
    until("health tells of re-encryption", async || {
        said = re_encryption(&rig).await;
        said.is_object()
    })
    .await;
    let keys = (&said["retired_keys"], &said["still_needed"]);
    assert_eq!(keys, (&json!(1), &json!(1)), "{said}");
    assert!(said["looked_through"].is_string(), "{said}");
    assert!(sweep(&rig).await.contains("Re-encrypted 0 values"));
    rig.handler.kill().await;
    it_goes(&rig, &old).await;
    // The sign-in of before is as good as ever.
    rig.restart().await;
    assert!(re_encryption(&rig).await.is_null());
    let request = rig.http.post(rig.url("/auth/refresh"));
    let request = request.json(&json!({"refresh_token": refresh}));
    let (status, tokens) = rig.ask(request).await;
    assert_eq!(status, 200, "{tokens}");
    let access = tokens["access_token"].as_str().unwrap();
    call(&rig, access, "graph_me", json!({})).await;
}

/// A key that nothing needs can go, by whoever has storage asked.
async fn it_goes(rig: &Rig, old: &str) {
    let (_, text) = keys(rig, &["list"]).await;
    assert!(text.contains("kept: storage was not asked"), "{text}");
    assert!(text.contains("ENTRADA_STORAGE is not set"), "{text}");
    let (done, text) = keys(rig, &["rotate", "--drop", old]).await;
    assert!(!done && text.contains("storage was not asked"), "{text}");
    let (_, text) = keys_and_storage(rig, &["list"]).await;
    assert!(text.contains("goes with the next rotation"), "{text}");
    let (done, text) = keys_and_storage(rig, &["rotate", "--drop", old]).await;
    assert!(done && text.contains("is gone (enc)"), "{text}");
}
