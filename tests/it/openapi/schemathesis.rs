//! Schemathesis, unmodified, asks the server everything that the document
//! allows and what it does not: it finds no 5xx, no status that is not
//! described and no answer that does not fit its schema.

use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use crate::rig::{Rig, clients};

/// What is checked of each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,\
    ignored_auth,unsupported_method";

/// Whether it passed, and what it said.
async fn schemathesis(rig: &Rig, persona: Option<&str>) -> (bool, String) {
    let folder = tempfile::TempDir::new().unwrap();
    let mut command = Command::new(clients().join("python/bin/schemathesis"));
    command
        .current_dir(folder.path())
        .args(["run", &rig.url("/api/openapi.json"), "--no-color"])
        .args(["--checks", CHECKS, "--max-examples", "25"])
        .args(["--max-redirects", "0", "--generation-deterministic"])
        .args(["--warnings", "off"])
        // How long anything takes is another test's business.
        .args(["--request-timeout", "120"])
        .args(["--suppress-health-check", "too_slow"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(persona) = persona {
        let header = format!("Authorization: Bearer {}", rig.token(persona));
        command.args(["--header", &header]);
    }
    let output = command
        .output()
        .await
        .expect("`cargo xtask test` installs the Python clients");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text + &errors)
}

/// Whether the server said 503 because a probe of its health was late. Asked
/// again, it is asked the same.
fn was_late(rig: &Rig, text: &str) -> bool {
    let log = rig.handler.log();
    text.contains("503") && log.contains("storage did not answer within two seconds")
}

#[tokio::test]
async fn the_server_keeps_to_its_document() {
    // Agents that answer: what one that breaks off makes of an answer is 502,
    // as the document says, and another test's business.
    let folder = tempfile::TempDir::new().unwrap();
    let agents = folder.path().join("agents.json");
    let assistant = json!({"id": "assistant", "name": "Assistant", "description": "Answers."});
    std::fs::write(&agents, json!({"agents": [assistant]}).to_string()).unwrap();
    let rig = Rig::with(&[("ENTRADA_AGENTS", agents.to_str().unwrap())]).await;
    for persona in [Some("writer"), None] {
        let (mut passed, mut text) = schemathesis(&rig, persona).await;
        if !passed && was_late(&rig, &text) {
            println!("once more, after a probe that was late: {text}");
            (passed, text) = schemathesis(&rig, persona).await;
        }
        assert!(passed, "{text}");
        let summary = text.split("SUMMARY").nth(1).unwrap_or(&text);
        println!("schemathesis as {persona:?}: {summary}");
        assert!(text.contains("No issues found"), "{text}");
    }
}
