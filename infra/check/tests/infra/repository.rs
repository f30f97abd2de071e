//! Files of the repository.

use std::path::{Path, PathBuf};

use crate::bicep::{Declaration, Template};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The text of a file, by its path from the root.
pub(crate) fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The JSON of a file, by its path from the root.
pub(crate) fn json(path: &str) -> serde_json::Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file under a folder whose name ends with `extension`, in order.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// A Bicep file under `infra/`.
pub(crate) fn template(name: &str) -> Template {
    Template::parse(name, &text(&format!("infra/{name}"))).unwrap()
}

/// Every Bicep file.
pub(crate) fn templates() -> Vec<Template> {
    let infra = root().join("infra");
    let found: Vec<_> = files("infra", "bicep")
        .iter()
        .map(|path| template(path.strip_prefix(&infra).unwrap().to_str().unwrap()))
        .collect();
    assert!(found.len() > 5, "the Bicep files were not found");
    found
}

/// The file that a module deploys.
pub(crate) fn callee(caller: &Template, module: &Declaration) -> Template {
    let infra = root().join("infra");
    let folder = infra.join(&caller.name).parent().unwrap().to_owned();
    let path = folder.join(module.of.as_ref().unwrap());
    let path = path.canonicalize().unwrap();
    template(path.strip_prefix(infra).unwrap().to_str().unwrap())
}
