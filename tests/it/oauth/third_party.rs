//! Unmodified clients of others, from discovery to a tool call.

use std::process::Stdio;
use std::time::Duration;

use entrada_tables::{Condition, Query, Row, query_all};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::application::{Application, LOOPBACK};
use crate::rig::{Rig, clients, script};

/// Runs a program of the clients' folder with the stand-ins' certificate and
/// gives what it said; it must end well.
async fn run(rig: &Rig, command: &mut Command) -> String {
    let output = command
        .env("SSL_CERT_FILE", rig.certificate())
        .env("NODE_EXTRA_CA_CERTS", rig.certificate())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_mins(2), output).await;
    let output = output
        .expect("the client took too long")
        .expect("`cargo xtask test` installs it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

fn python(name: &str) -> Command {
    let mut command = Command::new(clients().join("python/bin/python"));
    command.arg(script(name));
    command
}

fn node() -> Command {
    Command::new(clients().join("node/node_modules/.bin/node"))
}

/// Removes every registration, as if the table had been lost.
async fn forget_registrations(rig: &mut Rig, client_id: &str) {
    rig.handler.kill().await;
    {
        let tables = rig.tables();
        let id = client_id.strip_prefix("er-").unwrap();
        let query = Query::partition(id.get(..1).unwrap());
        let rows = query_all(tables.as_ref(), "entradaclients", &query, 100)
            .await
            .unwrap();
        assert!(!rows.is_empty());
        for Row { partition, row, .. } in rows {
            let gone = tables.delete("entradaclients", &partition, &row, &Condition::None);
            gone.await.unwrap();
        }
    }
    rig.restart().await;
}

#[tokio::test]
async fn the_python_sdk_signs_in_refreshes_and_registers_again() {
    let mut rig = Rig::start().await;
    let folder = tempfile::TempDir::new().unwrap();
    let storage = folder.path().join("storage.json");
    for phase in ["sign-in", "stored", "forgotten"] {
        if phase == "forgotten" {
            let held: Value = serde_json::from_slice(&std::fs::read(&storage).unwrap()).unwrap();
            let id = held["client"]["client_id"].as_str().unwrap().to_owned();
            forget_registrations(&mut rig, &id).await;
        } else {
            rig.restart().await;
        }
        let mut command = python("oauth/python_mcp.py");
        command
            .args(["--url", &rig.handler.base, "--phase", phase, "--storage"])
            .arg(&storage);
        let text = run(&rig, &mut command).await;
        assert!(text.contains(" passed, 0 failed"), "{text}");
    }
}

#[tokio::test]
async fn the_conformance_suite_for_authorization_servers_passes_without_a_warning() {
    let rig = Rig::start().await;
    let redirect = "http://127.0.0.1:3999/callback";
    let application = Application::register(&rig, redirect).await;
    let suite = "node/node_modules/@modelcontextprotocol/conformance/dist/index.js";
    let mut suite = node()
        .arg(clients().join(suite))
        .args([
            "authorization",
            "--url",
            &rig.handler.base,
            "--client-id",
            &application.id,
        ])
        .args([
            "--resource",
            &format!("{}/mcp", rig.handler.base),
            "-p",
            "3999",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .expect("`cargo xtask test` installs the suite");
    let mut lines = BufReader::new(suite.stdout.take().unwrap()).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.starts_with(&rig.url("/authorize")) {
            let url = line.trim().to_owned();
            let mut browser = python("oauth/browser.py");
            browser.args([&url, "--persona", "writer", "--call"]);
            run(&rig, &mut browser).await;
        }
        said.push_str(&line);
        said.push('\n');
    }
    assert!(suite.wait().await.unwrap().success(), "{said}");
    assert!(
        said.contains("authorization-server-metadata-endpoint: 2 passed, 0 failed"),
        "{said}"
    );
    assert!(
        said.contains("authorization-code-grant: 1 passed, 0 failed"),
        "{said}"
    );
    assert!(!said.to_lowercase().contains("warn"), "{said}");
}

#[tokio::test]
async fn both_typescript_clients_sign_in_and_call() {
    let rig = Rig::start().await;
    for sdk in ["v1", "v2"] {
        let mut command = node();
        command
            .arg(script("oauth/typescript.mjs"))
            .args([sdk, &rig.handler.base, LOOPBACK])
            .env("ENTRADA_TEST_PYTHON", clients().join("python/bin/python"))
            .env(
                "ENTRADA_TEST_NODE_MODULES",
                clients().join("node/node_modules"),
            );
        let text = run(&rig, &mut command).await;
        assert!(text.contains(" passed, 0 failed"), "{text}");
    }
}

#[tokio::test]
async fn the_fastmcp_client_signs_in_and_calls() {
    let rig = Rig::start().await;
    let mut command = python("oauth/fastmcp_client.py");
    command.args(["--url", &rig.handler.base]);
    let text = run(&rig, &mut command).await;
    assert!(text.contains(" passed, 0 failed"), "{text}");
}
