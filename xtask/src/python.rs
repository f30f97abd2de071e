use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::program::Program;
use crate::workspace::Workspace;

/// Python interpreters, in the order in which they are tried.
const PYTHONS: [&str; 5] = [
    "python3.13",
    "python3.12",
    "python3.11",
    "python3",
    "python",
];

/// Where a virtual environment has its programs.
const PROGRAMS: &str = if cfg!(windows) { "Scripts" } else { "bin" };

/// A program of the virtual environment `folder`.
pub(crate) fn program_in(folder: &Path, name: &str) -> PathBuf {
    folder.join(PROGRAMS).join(name)
}

/// Fills the virtual environment `folder` with the packages of `lock`, each
/// known by its hash, unless exactly these are there already. `name` is that of
/// the logs. Says what it did.
///
/// # Errors
/// When Python 3.11 is missing, or the installation fails.
pub(crate) fn install(
    workspace: &Workspace,
    folder: &Path,
    lock: &Path,
    name: &str,
) -> Result<&'static str, Error> {
    let Some(stamp) = Stamp::needed(folder, lock)? else {
        return Ok("unchanged");
    };
    let interpreter = find_python(workspace)?;
    remove_folder(folder)?;
    Program::new(workspace, interpreter)
        .args(["-m", "venv"])
        .args([folder])
        .run(&workspace.logs().join(format!("{name}-venv.log")))?;
    Program::new(workspace, program_in(folder, "python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        // The lock file is complete. Looking for dependencies, old versions of pip
        // find releases that are newer than it, and fail.
        .args([
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--requirement",
        ])
        .args([lock])
        .run(&workspace.logs().join(format!("{name}.log")))?;
    stamp.write()?;
    Ok("installed")
}

/// The text of the lock file that a folder was filled from, kept in it.
pub(crate) struct Stamp {
    path: PathBuf,
    lock: Vec<u8>,
}

impl Stamp {
    /// `None` when the folder was filled from this very lock file.
    pub(crate) fn needed(folder: &Path, lock: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join(".installed-from");
        let lock = std::fs::read(lock).map_err(Error::file(lock))?;
        let same = std::fs::read(&path).is_ok_and(|installed| installed == lock);
        Ok((!same).then_some(Self { path, lock }))
    }

    /// Says that the folder is complete: written last.
    pub(crate) fn write(self) -> Result<(), Error> {
        std::fs::write(&self.path, self.lock).map_err(Error::file(&self.path))
    }
}

/// Removes `folder`, if it is there.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), Error> {
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
}
