use std::io;
use std::path::{Path, PathBuf};

/// Why a step did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A program could not be started at all.
    #[error("cannot start `{program}`: {source}")]
    Start { program: String, source: io::Error },
    /// A program ran and said no; its output is in `log`.
    #[error("`{command}` ended with {status}")]
    Failed {
        command: String,
        status: String,
        log: PathBuf,
    },
    /// A program was stopped because it took longer than it may.
    #[error("`{command}` was stopped after {seconds} s without an end")]
    TooLong {
        command: String,
        seconds: u64,
        log: PathBuf,
    },
    /// Tests ran and some failed.
    #[error("{failed} tests failed; all that was printed is in {}", log.display())]
    Tests { failed: u64, log: PathBuf },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    /// An archive could not be written.
    #[error("{}: {source}", path.display())]
    Archive {
        path: PathBuf,
        source: zip::result::ZipError,
    },
    /// What a program printed is not the JSON that was expected.
    #[error("{what}: {source}")]
    Json {
        what: String,
        source: serde_json::Error,
    },
    /// A program that has to be installed is missing or too old.
    #[error("{0}")]
    Missing(String),
    /// What was produced breaks a rule of the project.
    #[error("{0}")]
    Rule(String),
}

impl Error {
    /// For `map_err` on file operations.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { path, source }
    }

    /// The file that holds what the failed program printed, if one ran. Of
    /// failed tests the part that matters is shown elsewhere.
    pub(crate) fn log(&self) -> Option<&Path> {
        match self {
            Self::Failed { log, .. } | Self::TooLong { log, .. } => Some(log),
            _ => None,
        }
    }
}
