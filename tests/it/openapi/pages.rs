//! The two pages in Chromium, whose program `ENTRADA_TEST_CHROMIUM` names.

use std::process::Stdio;

use tokio::process::Command;

use crate::browser::{chromium, screenshots};
use crate::rig::{Rig, clients, script};

#[tokio::test]
async fn swagger_ui_and_redoc_show_the_document_and_load_nothing_from_elsewhere() {
    if chromium().is_none() {
        println!("skipped: ENTRADA_TEST_CHROMIUM names no browser");
        return;
    }
    let rig = Rig::start().await;
    let modules = clients().join("node/node_modules");
    let output = Command::new(modules.join(".bin/node"))
        .arg(script("browser/documentation.mjs"))
        .args([rig.handler.base.as_str(), &rig.token("reader")])
        .arg(screenshots())
        .env("ENTRADA_TEST_NODE_MODULES", &modules)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output()
        .await
        .expect("`cargo xtask test` installs the Node clients");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains(" passed, 0 failed"), "{text}");
}
