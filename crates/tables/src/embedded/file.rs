use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use redb::backends::InMemoryBackend;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError,
    TableDefinition,
};

use crate::TableError;

/// Rows: table, partition and row key to version and properties (see
/// [`super::encoding`]).
pub(super) const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");
/// Tables that were created, in lower case.
pub(super) const TABLES: TableDefinition<&str, ()> = TableDefinition::new("tables");
/// Numbers about the file itself.
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// In [`META`]: the version of the file's format.
const FORMAT: &str = "format";
/// In [`META`]: the number of the last version given to a row.
pub(super) const LAST_ETAG: &str = "last_etag";

/// The format that this version reads and writes.
const SUPPORTED_FORMAT: u64 = 1;

/// Memory for pages of the file, in bytes.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// The embedded tables could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another part of this one, has the file open.
    #[error(
        "{path} is in use by another process: end the one that runs on it, or give this one \
         another data directory"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A newer version wrote the file.
    #[error(
        "{path} has format {found} and this version reads {supported} at most: run the newer \
         version, or give this one another data directory"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The newest format that is understood.
        supported: u64,
    },
    /// It is no such file, or is damaged beyond what a repair mends.
    #[error("{path} cannot be read as tables: move it away, or give another data directory")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the storage engine said.
        #[source]
        source: Box<redb::Error>,
    },
    /// The file system refused.
    #[error("{path} cannot be opened")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The thread that writes could not be started.
    #[error("the writer of {path} could not be started")]
    Writer {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The open file.
pub(super) struct Store {
    pub(super) database: Database,
    /// Names of the tables, in lower case; there are a handful.
    tables: RwLock<HashSet<String>>,
    /// The number of the last version that was given before the file was
    /// opened.
    pub(super) last_etag: u64,
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let file = open_private(path).map_err(|source| OpenError::File {
            path: path.to_owned(),
            source,
        })?;
        let database = builder()
            .create_file(file)
            .map_err(|error| refused(path, error))?;
        Self::over(path, database)
    }

    pub(super) fn in_memory(path: &Path) -> Result<Self, OpenError> {
        let database = builder()
            .create_with_backend(InMemoryBackend::new())
            .map_err(|error| refused(path, error))?;
        Self::over(path, database)
    }

    fn over(path: &Path, database: Database) -> Result<Self, OpenError> {
        let unreadable = |source: redb::Error| OpenError::Unreadable {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let found = prepare(&database).map_err(unreadable)?;
        if found > SUPPORTED_FORMAT {
            return Err(OpenError::Newer {
                path: path.to_owned(),
                found,
                supported: SUPPORTED_FORMAT,
            });
        }
        let (tables, last_etag) = contents(&database).map_err(unreadable)?;
        Ok(Self {
            database,
            tables: RwLock::new(tables),
            last_etag,
        })
    }

    pub(super) fn has_table(&self, name: &str) -> bool {
        self.tables
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&name.to_ascii_lowercase())
    }

    pub(super) fn table_was_made(&self, lower_case: String) {
        self.tables
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(lower_case);
    }

    /// The name under which the rows of the table `name` are kept: table
    /// names do not distinguish case.
    pub(super) fn table(&self, name: &str) -> Result<String, TableError> {
        crate::validate::table(name)?;
        if self.has_table(name) {
            return Ok(name.to_ascii_lowercase());
        }
        Err(TableError::NoSuchTable {
            table: name.to_owned(),
        })
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Opens or makes the file, readable by its owner alone where the system
/// knows owners: it holds people's data.
fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn refused(path: &Path, error: DatabaseError) -> OpenError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path },
        DatabaseError::Storage(StorageError::Io(source))
            if source.kind() != io::ErrorKind::InvalidData =>
        {
            OpenError::File { path, source }
        }
        other => OpenError::Unreadable {
            path,
            source: Box::new(other.into()),
        },
    }
}

/// Makes what a new file needs; answers the format of the file.
fn prepare(database: &Database) -> Result<u64, redb::Error> {
    let write = database.begin_write()?;
    let format = {
        let mut meta = write.open_table(META)?;
        let format = meta.get(FORMAT)?.map(|format| format.value());
        if let Some(format) = format {
            format
        } else {
            meta.insert(FORMAT, SUPPORTED_FORMAT)?;
            SUPPORTED_FORMAT
        }
    };
    if format > SUPPORTED_FORMAT {
        write.abort()?;
        return Ok(format);
    }
    write.open_table(ROWS)?;
    write.open_table(TABLES)?;
    write.commit()?;
    Ok(format)
}

fn contents(database: &Database) -> Result<(HashSet<String>, u64), redb::Error> {
    let read = database.begin_read()?;
    let mut tables = HashSet::new();
    for entry in read.open_table(TABLES)?.iter()? {
        tables.insert(entry?.0.value().to_owned());
    }
    let last_etag = read.open_table(META)?.get(LAST_ETAG)?;
    Ok((tables, last_etag.map_or(0, |number| number.value())))
}

/// An error of the storage engine while reading or writing.
pub(super) fn engine_error(error: impl Into<redb::Error>) -> TableError {
    match error.into() {
        redb::Error::Corrupted(_) => TableError::corrupt("the file of the tables is damaged"),
        other => TableError::unavailable_because("the file of the tables cannot be used", other),
    }
}
