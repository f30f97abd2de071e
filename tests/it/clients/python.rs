//! The Python SDK.

use super::{live, python};

#[tokio::test]
async fn the_python_sdk_signs_in_refreshes_and_registers_again() {
    live(|phase, base, kept| {
        let mut command = python("oauth/python_mcp.py");
        command
            .args(["--phase", phase, "--url", base, "--storage"])
            .arg(kept);
        command
    })
    .await;
}
