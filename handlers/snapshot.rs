//! Snapshots in git: files that tests make anew and compare.

use std::path::Path;

use entrada_ambient::{Environment as _, ProcessEnvironment};

/// Fails when the file at `path` (from the repository's root) is not `text`;
/// with `UPDATE_SNAPSHOTS=1` in the environment it is written instead.
///
/// # Panics
/// When it is not current.
pub(crate) fn assert_current(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if ProcessEnvironment.get("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == text,
        "{path} is not current. Run `UPDATE_SNAPSHOTS=1 cargo test -p entrada --lib`, read what \
         changed, and commit it. It should be:\n{text}"
    );
}
