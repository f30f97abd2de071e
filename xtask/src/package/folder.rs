//! The folder that a package is written to.

use std::fs::{self, DirEntry};
use std::path::Path;

use super::{EXECUTABLE, HOST, OWN_FILES};
use crate::error::Error;

/// What `func start` reads beside the package: somebody's own file, with secrets
/// in it. It is neither deleted nor deployed.
pub(super) const LOCAL_SETTINGS: &str = "local.settings.json";

/// The one file in the folder of a function.
pub(super) const FUNCTION: &str = "function.json";

/// Makes `folder` a folder that is empty but for local settings. What is
/// deleted is an earlier package and nothing else; the checkout at `root`, and
/// what it lies in, never are.
///
/// # Errors
/// When the folder is neither empty nor an earlier package, is the checkout or
/// holds it, or cannot be read or written.
pub(super) fn empty(root: &Path, folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(Error::file(folder))?;
    if let Some(why) = why_not(root, folder)? {
        return Err(Error::Rule(format!(
            "{} {why}; name another folder with --out",
            folder.display()
        )));
    }
    for entry in entries(folder)? {
        if entry.file_name() == LOCAL_SETTINGS {
            continue;
        }
        let path = entry.path();
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(Error::file(&path))?;
    }
    Ok(())
}

/// Why the folder is left alone, if it is.
fn why_not(root: &Path, folder: &Path) -> Result<Option<String>, Error> {
    let real = |path: &Path| path.canonicalize().map_err(Error::file(path));
    if real(root)?.starts_with(real(folder)?) {
        return Ok(Some("is the checkout, or holds it".into()));
    }
    let entries = entries(folder)?;
    for entry in &entries {
        if !is_of_a_package(entry)? {
            let name = entry.file_name();
            return Ok(Some(format!(
                "holds {}, as no package does",
                name.display()
            )));
        }
    }
    let mut names = entries.iter().map(DirEntry::file_name);
    let is_package = names.all(|name| name == LOCAL_SETTINGS) || folder.join(HOST).is_file();
    Ok((!is_package).then(|| format!("holds other files, and no {HOST}")))
}

/// Whether a package has such an entry. A link is none, whatever it leads to.
fn is_of_a_package(entry: &DirEntry) -> Result<bool, Error> {
    let path = entry.path();
    let kind = entry.file_type().map_err(Error::file(&path))?;
    let name = entry.file_name();
    if kind.is_dir() {
        let content = entries(&path)?;
        return Ok(content.iter().all(is_function));
    }
    let mut known = [HOST, EXECUTABLE, LOCAL_SETTINGS]
        .into_iter()
        .chain(OWN_FILES);
    Ok(kind.is_file() && known.any(|known| name == known))
}

fn is_function(entry: &DirEntry) -> bool {
    entry.file_name() == FUNCTION && entry.file_type().is_ok_and(|kind| kind.is_file())
}

fn entries(folder: &Path) -> Result<Vec<DirEntry>, Error> {
    fs::read_dir(folder)
        .and_then(Iterator::collect)
        .map_err(Error::file(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkout with the folder `dist` in it, which holds these files.
    fn checkout(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join("dist").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "content").unwrap();
        }
        root
    }

    const PACKAGE: [&str; 6] = [
        "host.json",
        "entrada",
        "agents.json",
        "local.settings.json",
        "web/function.json",
        "whoami/function.json",
    ];

    #[test]
    fn an_earlier_package_is_deleted_but_for_local_settings() {
        let root = checkout(&PACKAGE);
        let dist = root.path().join("dist");
        for _ in 0..2 {
            empty(root.path(), &dist).unwrap();
            let left = entries(&dist).unwrap();
            let left: Vec<_> = left.iter().map(DirEntry::file_name).collect();
            assert_eq!(left, ["local.settings.json"]);
        }
        let settings = fs::read_to_string(dist.join("local.settings.json"));
        assert_eq!(settings.unwrap(), "content");
    }

    #[test]
    fn a_folder_that_is_not_there_is_made() {
        let root = checkout(&[]);
        empty(root.path(), &root.path().join("target/dist")).unwrap();
        assert!(root.path().join("target/dist").is_dir());
    }

    #[test]
    fn a_folder_with_anything_else_is_left_alone() {
        for foreign in [
            "thesis.txt",
            "Cargo.toml",
            "web/thesis.txt",
            "handlers/oauth/function.json",
            ".git/HEAD",
        ] {
            let mut files = PACKAGE.to_vec();
            files.push(foreign);
            let root = checkout(&files);
            let dist = root.path().join("dist");
            assert!(empty(root.path(), &dist).is_err(), "{foreign}");
            for file in files {
                assert!(dist.join(file).is_file(), "{foreign}: {file}");
            }
        }
    }

    #[test]
    fn files_that_could_be_a_packages_are_none_without_its_host_json() {
        let root = checkout(&["agents.json", "policy.json"]);
        let dist = root.path().join("dist");
        assert!(empty(root.path(), &dist).is_err());
        assert!(dist.join("policy.json").is_file());
    }

    #[test]
    fn the_checkout_and_what_it_lies_in_are_left_alone() {
        let place = checkout(&["host.json"]);
        // Nothing in it is foreign to a package: its place alone decides.
        let root = place.path().join("dist");
        fs::create_dir(root.join("web")).unwrap();
        for out in [".", "", "..", "web/..", "../../../.."] {
            let folder = root.join(out);
            assert!(empty(&root, &folder).is_err(), "{out}");
            assert!(root.join("host.json").is_file(), "{out}");
        }
        let named = place.path().join("named");
        std::os::unix::fs::symlink(&root, &named).unwrap();
        assert!(empty(&root, &named).is_err());
        assert!(root.join("host.json").is_file());
    }
}
