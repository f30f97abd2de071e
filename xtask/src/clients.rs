use crate::error::Error;
use crate::program::Program;
use crate::python::{self, Stamp, remove_folder};
use crate::workspace::Workspace;

/// Installs the Python clients into `target/clients/python` from the hashed
/// requirements, unless exactly these are there already. Says what it did.
///
/// # Errors
/// When Python 3.11 is missing, or the installation fails.
pub(crate) fn python(workspace: &Workspace) -> Result<&'static str, Error> {
    let lock = workspace.path("tests/clients/python/requirements.txt");
    let folder = workspace.clients().join("python");
    python::install(workspace, &folder, &lock, "clients-python")
}

/// Installs the Node clients, with the Node 22 that some of them insist on,
/// into `target/clients/node` from the lock file, unless exactly these are
/// there already. No package's install script runs. Says what it did.
///
/// # Errors
/// When npm is missing, or the installation fails.
pub(crate) fn node(workspace: &Workspace) -> Result<&'static str, Error> {
    let source = workspace.path("tests/clients/node");
    let folder = workspace.clients().join("node");
    let Some(stamp) = Stamp::needed(&folder, &source.join("package-lock.json"))? else {
        return Ok("unchanged");
    };
    remove_folder(&folder)?;
    std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        let from = source.join(name);
        std::fs::copy(&from, folder.join(name)).map_err(Error::file(&from))?;
    }
    Program::new(workspace, "npm")
        .args(["ci", "--loglevel=error"])
        .in_folder(&folder)
        .run(&workspace.logs().join("clients-node.log"))?;
    let node = folder.join("node_modules/.bin/node");
    Program::new(workspace, &node)
        .args(["--version"])
        .output()
        .map_err(|_| Error::Missing("npm has no Node 22 for this kind of machine".into()))?;
    stamp.write()?;
    Ok("installed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_files_name_no_package_registry() {
        let workspace = Workspace::of_this_build();
        let npm = std::fs::read_to_string(workspace.path("tests/clients/node/package-lock.json"));
        assert!(!npm.unwrap().contains("\"resolved\""));
        for lock in [
            "tests/clients/python/requirements.txt",
            "xtask/zig/requirements.txt",
        ] {
            let python = std::fs::read_to_string(workspace.path(lock));
            assert!(!python.unwrap().contains("://"), "{lock}");
        }
    }
}
