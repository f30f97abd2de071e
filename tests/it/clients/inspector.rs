//! The MCP Inspector on the command line.

use super::{live, node};

#[tokio::test]
async fn the_inspector_signs_in_refreshes_and_registers_again() {
    live(|phase, base, kept| {
        let mut command = node("oauth/inspector.mjs");
        command.args([phase, base]).arg(kept);
        command
    })
    .await;
}
