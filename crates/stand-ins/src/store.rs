use std::io::Write;
use std::path::{Path, PathBuf};

/// The directory in which keys outlive the process, or nowhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    directory: Option<PathBuf>,
}

/// A file of the data directory could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the file {} could not be read or written", path.display())]
pub struct StoreError {
    path: PathBuf,
    source: std::io::Error,
}

impl Store {
    /// A store in `directory`, which is made when it does not exist.
    pub(crate) fn open(directory: Option<PathBuf>) -> Result<Self, StoreError> {
        if let Some(path) = &directory {
            std::fs::create_dir_all(path).map_err(|source| StoreError {
                path: path.clone(),
                source,
            })?;
        }
        Ok(Self { directory })
    }

    /// The text of the file `name`; `None` when there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, StoreError> {
        let Some(path) = self.directory.as_ref().map(|dir| dir.join(name)) else {
            return Ok(None);
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError { path, source }),
        }
    }

    /// Replaces the file `name`, readable by its owner alone. Written beside
    /// and renamed, so that a reader never sees half of it.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), StoreError> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let path = directory.join(name);
        let beside = directory.join(format!("{name}.new"));
        write_private(&beside, text)
            .and_then(|()| std::fs::rename(&beside, &path))
            .map_err(|source| StoreError { path, source })
    }
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_back_and_a_store_without_directory_keeps_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(Some(directory.path().join("made"))).unwrap();
        assert_eq!(store.read("a").unwrap(), None);
        store.write("a", "one").unwrap();
        store.write("a", "two").unwrap();
        assert_eq!(store.read("a").unwrap().as_deref(), Some("two"));

        let nowhere = Store::open(None).unwrap();
        nowhere.write("a", "one").unwrap();
        assert_eq!(nowhere.read("a").unwrap(), None);
    }

    #[cfg(unix)]
    #[test]
    fn files_are_readable_by_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(Some(directory.path().to_owned())).unwrap();
        store.write("key", "secret").unwrap();
        let mode = std::fs::metadata(directory.path().join("key")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }
}
