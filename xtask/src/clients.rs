use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::program::Program;
use crate::workspace::Workspace;

/// Python interpreters, in the order in which they are tried.
const PYTHONS: [&str; 4] = ["python3.13", "python3.12", "python3.11", "python3"];

/// Installs the Python clients into `target/clients/python` from the hashed
/// requirements, unless exactly these are there already. Says what it did.
///
/// # Errors
/// When Python 3.11 is missing, or the installation fails.
pub(crate) fn python(workspace: &Workspace) -> Result<&'static str, Error> {
    let lock = workspace.path("tests/clients/python/requirements.txt");
    let folder = workspace.clients().join("python");
    let Some(stamp) = Stamp::needed(&folder, &lock)? else {
        return Ok("unchanged");
    };
    let interpreter = find_python(workspace)?;
    remove_folder(&folder)?;
    Program::new(workspace, interpreter)
        .args(["-m", "venv"])
        .args([&folder])
        .run(&workspace.logs().join("clients-python-venv.log"))?;
    Program::new(workspace, folder.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args([
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--requirement",
        ])
        .args([&lock])
        .run(&workspace.logs().join("clients-python.log"))?;
    stamp.write()?;
    Ok("installed")
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

/// The text of the lock file that a folder was filled from, kept in it.
struct Stamp {
    path: PathBuf,
    lock: Vec<u8>,
}

impl Stamp {
    /// `None` when the folder was filled from this very lock file.
    fn needed(folder: &Path, lock: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join(".installed-from");
        let lock = std::fs::read(lock).map_err(Error::file(lock))?;
        let same = std::fs::read(&path).is_ok_and(|installed| installed == lock);
        Ok((!same).then_some(Self { path, lock }))
    }

    /// Says that the folder is complete: written last.
    fn write(self) -> Result<(), Error> {
        std::fs::write(&self.path, self.lock).map_err(Error::file(&self.path))
    }
}

fn remove_folder(folder: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file(folder)(error))
        }
        _ => Ok(()),
    }
}

fn find_python(workspace: &Workspace) -> Result<&'static str, Error> {
    let check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";
    PYTHONS
        .into_iter()
        .find(|python| {
            Program::new(workspace, python)
                .args(["-c", check])
                .output()
                .is_ok()
        })
        .ok_or_else(|| Error::Missing("no Python 3.11 or newer with venv on the path".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_filled_again_only_after_its_lock_file_changed() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("lock");
        std::fs::write(&lock, "one").unwrap();
        Stamp::needed(folder.path(), &lock)
            .unwrap()
            .expect("nothing is installed yet")
            .write()
            .unwrap();
        assert!(Stamp::needed(folder.path(), &lock).unwrap().is_none());
        std::fs::write(&lock, "two").unwrap();
        assert!(Stamp::needed(folder.path(), &lock).unwrap().is_some());
    }

    #[test]
    fn lock_files_name_no_package_registry() {
        let workspace = Workspace::of_this_build();
        let npm = std::fs::read_to_string(workspace.path("tests/clients/node/package-lock.json"));
        assert!(!npm.unwrap().contains("\"resolved\""));
        let python =
            std::fs::read_to_string(workspace.path("tests/clients/python/requirements.txt"));
        assert!(!python.unwrap().contains("://"));
    }
}
