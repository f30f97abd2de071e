//! The Python `mcp` SDK, unmodified, against the server.

use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use crate::foundry_agents::foundry;
use crate::rig::{Rig, clients};

#[tokio::test]
async fn the_python_sdk_lists_and_calls_in_both_eras() {
    let mut rig = Rig::start().await;
    // Ten seconds, in which a client is told how far it is.
    foundry(&rig.stand_ins, "behaviour", json!({"slow_words": 40})).await;
    for restarted in ["before", "after"] {
        let mut command = Command::new(clients().join("python/bin/python"));
        command
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/clients/mcp/check.py"
            ))
            .args(["--url", &rig.url("/mcp"), "--phase", restarted])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for persona in ["reader", "writer", "all", "norole", "guest"] {
            command.arg(format!("--{persona}")).arg(rig.token(persona));
        }
        let output = command
            .output()
            .await
            .expect("`cargo xtask test` installs the Python clients");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{text}\n{errors}");
        assert!(text.contains(" passed, 0 failed"), "{text}");
        rig.restart().await;
    }
}
