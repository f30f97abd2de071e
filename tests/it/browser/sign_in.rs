//! Consent and sign-in, as a person sees them.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::{chromium, screenshots};
use crate::rig::{Rig, clients, script};

#[tokio::test]
async fn people_sign_in_refuse_go_back_and_use_two_tabs() {
    let Some(chromium) = chromium() else {
        println!("skipped: ENTRADA_TEST_CHROMIUM does not name a Chromium");
        return;
    };
    let rig = Rig::start().await;
    let entra = rig.stand_ins.https_url().origin().ascii_serialization();
    let output = Command::new(clients().join("node/node_modules/.bin/node"))
        .arg(script("browser/sign_in.mjs"))
        .args([rig.handler.base.as_str(), entra.as_str()])
        .arg(screenshots())
        .env("ENTRADA_TEST_CHROMIUM", chromium)
        .env(
            "ENTRADA_TEST_NODE_MODULES",
            clients().join("node/node_modules"),
        )
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_mins(15), output).await;
    let output = output.expect("the browser took too long");
    let output = output.expect("`cargo xtask test` installs Playwright");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(
        text.trim_end().ends_with(" passed, 0 failed"),
        "{text}\n{errors}"
    );
}
