//! Examples in the documents, so that tests can try them.

use std::path::Path;

/// The first code block with `piece` in it, of the document at `path` (from
/// the repository's root).
///
/// # Panics
/// When there is none.
pub(crate) fn example(path: &str, piece: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let page = std::fs::read_to_string(file).unwrap();
    let block = page
        .split("```")
        .skip(1)
        .step_by(2)
        .find(|block| block.contains(piece))
        .unwrap_or_else(|| panic!("{path} has no example with {piece}"));
    let (_language, text) = block.split_once('\n').unwrap();
    text.to_owned()
}
