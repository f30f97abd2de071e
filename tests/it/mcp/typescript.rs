//! The TypeScript SDKs, unmodified, against the server.

use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use super::going_away::in_the_log;
use crate::foundry_agents::foundry;
use crate::rig::{Rig, clients, script};

async fn passes(sdk: &str) {
    let rig = Rig::start().await;
    // Ten seconds, in which a client is told how far it is.
    foundry(&rig.stand_ins, "behaviour", json!({"slow_words": 40})).await;
    let output = Command::new(clients().join("node/node_modules/.bin/node"))
        .arg(script("mcp/typescript.mjs"))
        .args([sdk, &rig.url("/mcp"), &rig.token("all")])
        .env(
            "ENTRADA_TEST_NODE_MODULES",
            clients().join("node/node_modules"),
        )
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("`cargo xtask test` installs the Node clients");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains(" passed, 0 failed"), "{text}");
    // One call was answered, and one given up.
    let outcomes: Vec<_> = in_the_log(&rig, 2).await;
    assert_eq!(outcomes[0]["outcome"], "abandoned", "{outcomes:?}");
    assert_eq!(outcomes[1]["outcome"], "succeeded", "{outcomes:?}");
}

#[tokio::test]
async fn the_typescript_sdk_1_calls_follows_and_gives_up() {
    passes("v1").await;
}

#[tokio::test]
async fn the_typescript_sdk_2_calls_follows_gives_up_and_asks_the_person() {
    passes("v2").await;
}
