//! The client of `FastMCP`, which listens for its callback itself.

use super::{live, python};

#[tokio::test]
async fn the_fastmcp_client_signs_in_refreshes_and_registers_again() {
    live(|phase, base, kept| {
        let mut command = python("oauth/fastmcp_lifecycle.py");
        command
            .args(["--phase", phase, "--url", base, "--storage"])
            .arg(kept);
        command
    })
    .await;
}
