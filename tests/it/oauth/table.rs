//! The table of requirements names tests that exist.

use std::path::{Path, PathBuf};

const TABLE: &str = include_str!("../../../docs/oauth-conformance.md");

/// The files that can hold the tests of a module: a black-box one, or one of
/// the library's.
fn files(module: &[&str]) -> Vec<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for root in ["tests/it", "handlers"] {
        let path = project.join(root).join(module.join("/"));
        files.extend([path.with_extension("rs"), path.join("mod.rs")]);
        if let Some((&"tests", parents)) = module.split_last() {
            let parent = project.join(root).join(parents.join("/"));
            files.extend([parent.with_extension("rs"), parent.join("mod.rs")]);
        }
    }
    files
}

/// Whether there is a test of this name; `*` for any, in that module or below.
fn exists(module: &[&str], name: &str) -> bool {
    if name == "*" {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = project.join("tests/it").join(module.join("/"));
        return folder.is_dir() || files(module).iter().any(|file| has(file, "#[tokio::test]"));
    }
    let function = format!("fn {name}()");
    files(module).iter().any(|file| has(file, &function))
}

fn has(file: &Path, text: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|source| source.contains(text))
}

/// What stands between backticks.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_requirement_names_a_test_and_every_test_exists() {
    let mut checked = 0;
    let rows = TABLE.lines().filter(|line| line.starts_with("| "));
    for row in rows.filter(|row| !row.ends_with("| Test |")) {
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap().trim();
        assert!(cell.starts_with("same") || cell.contains('`'), "{row}");
        let mut module = Vec::new();
        for name in names(cell) {
            let mut path: Vec<_> = name.split("::").collect();
            let test = path.pop().unwrap();
            if !path.is_empty() {
                module = path;
            }
            assert!(exists(&module, test), "{name} in {row}");
            checked += 1;
        }
    }
    assert!(checked > 60, "{checked}");
}

#[test]
fn a_name_that_is_made_up_is_noticed() {
    assert!(!exists(&["oauth", "token"], "a_code_is_never_good"));
    assert!(!exists(&["nowhere"], "*"));
}
