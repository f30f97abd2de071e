//! The TypeScript SDKs: version 1, which most clients are built on, and 2.

use super::{live, node};

#[tokio::test]
async fn the_typescript_sdk_1_signs_in_refreshes_and_registers_again() {
    live(|phase, base, kept| {
        let mut command = node("oauth/typescript_v1.mjs");
        command.args([phase, base]).arg(kept);
        command
    })
    .await;
}

#[tokio::test]
async fn the_typescript_sdk_2_signs_in_refreshes_and_registers_again() {
    live(|phase, base, kept| {
        let mut command = node("oauth/typescript_v2.mjs");
        command.args([phase, base]).arg(kept);
        command
    })
    .await;
}
