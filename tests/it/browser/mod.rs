//! The pages in Chromium, which `ENTRADA_TEST_CHROMIUM` names; without it the
//! tests say that they are skipped. Pictures go to `target/screenshots/`.

mod sign_in;

use std::path::PathBuf;

use crate::rig::setting;

/// The browser's program.
pub(crate) fn chromium() -> Option<PathBuf> {
    setting("ENTRADA_TEST_CHROMIUM").map(PathBuf::from)
}

/// Where pictures go.
pub(crate) fn screenshots() -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/screenshots"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
