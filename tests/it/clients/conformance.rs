//! The authorization suite of `@modelcontextprotocol/conformance`.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::{clients, python, with_surroundings};
use crate::oauth::application::Application;
use crate::rig::Rig;

#[tokio::test]
async fn the_suite_for_authorization_servers_passes_without_a_warning() {
    let rig = Rig::start().await;
    let redirect = "http://127.0.0.1:3999/callback";
    let application = Application::register(&rig, redirect).await;
    let suite = "node/node_modules/@modelcontextprotocol/conformance/dist/index.js";
    let resource = format!("{}/mcp", rig.handler.base);
    let mut suite = Command::new(clients().join("node/node_modules/.bin/node"))
        .arg(clients().join(suite))
        .args(["authorization", "--url", &rig.handler.base])
        .args(["--client-id", &application.id, "--resource", &resource])
        .args(["-p", "3999"])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .expect("`cargo xtask test` installs the suite");
    let mut lines = BufReader::new(suite.stdout.take().unwrap()).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.starts_with(&rig.url("/authorize")) {
            let mut browser = python("oauth/browser.py");
            browser.args([line.trim(), "--persona", "writer", "--call"]);
            let browsing = with_surroundings(&mut browser, &rig.certificate()).output();
            assert!(browsing.await.unwrap().status.success(), "{said}");
        }
        said.push_str(&line);
        said.push('\n');
    }
    assert!(suite.wait().await.unwrap().success(), "{said}");
    for passed in [
        "authorization-server-metadata-endpoint: 2 passed, 0 failed",
        "authorization-code-grant: 1 passed, 0 failed",
    ] {
        assert!(said.contains(passed), "{said}");
    }
    assert!(!said.to_lowercase().contains("warn"), "{said}");
}
