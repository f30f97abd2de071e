//! The stand-ins, as client libraries of Microsoft and `OpenAI` see them.

mod vault;

use std::path::Path;
use std::sync::Arc;

use entrada_ambient::{SystemClock, SystemRandom};
use entrada_stand_ins::{StandInOptions, StandIns, TokenRequest};
use tempfile::TempDir;
use tokio::process::Command;
use url::Url;

use crate::rig::clients;

/// What `cargo xtask package` looks for, so that no package has the stand-ins
/// in it, is in the program that has them: else it would look in vain.
#[test]
fn the_development_program_has_what_a_package_must_not_have() {
    let source = include_str!("../../xtask/src/package/mod.rs");
    let (_, after) = source.split_once("const STAND_INS: &[u8] = b\"").unwrap();
    let (marker, _) = after.split_once('"').unwrap();
    let program = std::fs::read(env!("CARGO_BIN_EXE_entrada")).unwrap();
    let mut windows = program.windows(marker.len());
    assert!(
        windows.any(|window| window == marker.as_bytes()),
        "{marker}"
    );
}

async fn stand_ins() -> (StandIns, TempDir) {
    let options = StandInOptions::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    let stand_ins = entrada_stand_ins::start(StandInOptions {
        // MSAL for Node insists on an https issuer of the authority's origin.
        public_url: Some(Url::parse("https://localhost:0").unwrap()),
        ..options
    })
    .await
    .unwrap();
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("ca.pem"), stand_ins.ca_pem()).unwrap();
    (stand_ins, folder)
}

/// Runs a check, which ends with its totals.
async fn passes(mut command: Command) {
    let output = command
        .env_remove("REQUESTS_CA_BUNDLE")
        .env_remove("CURL_CA_BUNDLE")
        .kill_on_drop(true)
        .output()
        .await
        .expect("`cargo xtask test` installs the clients");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.trim_end().ends_with(" passed, 0 failed"), "{text}");
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

#[tokio::test]
async fn msal_for_python_accepts_the_entra_stand_in() {
    let (stand_ins, folder) = stand_ins().await;
    let mut command = Command::new(clients().join("python/bin/python"));
    command
        .arg(script("msal/check.py"))
        .arg(stand_ins.https_url().as_str())
        .arg(stand_ins.url().as_str())
        .arg(folder.path().join("ca.pem"));
    passes(command).await;
}

#[tokio::test]
async fn msal_for_node_accepts_the_entra_stand_in() {
    let (stand_ins, folder) = stand_ins().await;
    let mut command = Command::new(clients().join("node/node_modules/.bin/node"));
    command
        .current_dir(clients().join("node"))
        .arg(script("msal/check.mjs"))
        .arg(stand_ins.https_url().as_str())
        .arg(stand_ins.url().as_str())
        .arg(folder.path().join("ca.pem"));
    passes(command).await;
}

#[tokio::test]
async fn the_openai_client_reads_the_foundry_stand_in() {
    let (stand_ins, _folder) = stand_ins().await;
    let token = stand_ins
        .mint(&TokenRequest {
            resource: Some("https://ai.azure.com".to_owned()),
            ..TokenRequest::for_persona("reader")
        })
        .unwrap();
    let http = entrada_ambient::http_client(&entrada_ambient::NetworkOptions::default()).unwrap();
    let person = format!("{}foundry/stand-in/people/reader", stand_ins.url());
    let body = serde_json::json!({"role": "user"});
    let set = http.post(person).json(&body).send().await.unwrap();
    assert!(set.status().is_success(), "{}", set.text().await.unwrap());
    let mut command = Command::new(clients().join("python/bin/python"));
    command
        .arg(script("foundry/check.py"))
        .arg(format!(
            "{}foundry/api/projects/demo/openai/v1",
            stand_ins.url()
        ))
        .arg(token);
    passes(command).await;
}
