use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::error::Error;
use crate::running::Running;
use crate::stopwatch::Stopwatch;
use crate::workspace::Workspace;

/// How often a running program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(20);

/// A program to run with its output kept in a file.
#[derive(Debug)]
pub(crate) struct Program {
    command: Command,
    shown: String,
    limit: Duration,
}

impl Program {
    /// `program`, run at the root of the checkout, for at most 25 minutes.
    pub(crate) fn new(workspace: &Workspace, program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program.as_ref());
        command.current_dir(workspace.root()).stdin(Stdio::null());
        Self {
            shown: Path::new(program.as_ref())
                .file_name()
                .unwrap_or(program.as_ref())
                .to_string_lossy()
                .into_owned(),
            command,
            limit: Duration::from_mins(25),
        }
    }

    /// `cargo` with its arguments, separated by spaces.
    pub(crate) fn cargo(workspace: &Workspace, arguments: &str) -> Self {
        Self::new(workspace, "cargo").args(arguments.split_whitespace())
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        for argument in arguments {
            self.shown.push(' ');
            self.shown.push_str(&argument.as_ref().to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Lets it run for longer than the 25 minutes.
    pub(crate) fn for_at_most(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs to the end; everything printed goes to `log`.
    ///
    /// # Errors
    /// When it cannot start, ends with another code than 0, or takes too long.
    pub(crate) fn run(mut self, log: &Path) -> Result<(), Error> {
        let (out, err) = log_file(log)?;
        let running = Running::start(self.command.stdout(out).stderr(err));
        let running = running.map_err(|source| Error::Start {
            program: self.shown.clone(),
            source,
        })?;
        let status = self.wait(running, log)?;
        if status.success() {
            return Ok(());
        }
        Err(Error::Failed {
            command: self.shown,
            status: status.to_string(),
            log: log.to_path_buf(),
        })
    }

    /// Runs to the end and returns what it printed on stdout. For programs
    /// that print a little: stderr is passed over.
    ///
    /// # Errors
    /// When it cannot start or ends with another code than 0.
    pub(crate) fn output(mut self) -> Result<String, Error> {
        let output = self
            .command
            .stderr(Stdio::null())
            .output()
            .map_err(|source| Error::Start {
                program: self.shown.clone(),
                source,
            })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::Failed {
            command: self.shown,
            status: output.status.to_string(),
            log: PathBuf::new(),
        })
    }

    fn wait(&self, mut running: Running, log: &Path) -> Result<ExitStatus, Error> {
        let watch = Stopwatch::start();
        loop {
            let ended = running.ended().map_err(|source| Error::Start {
                program: self.shown.clone(),
                source,
            })?;
            if let Some(status) = ended {
                return Ok(status);
            }
            if watch.read() > self.limit {
                return Err(Error::TooLong {
                    command: self.shown.clone(),
                    seconds: self.limit.as_secs(),
                    log: log.to_path_buf(),
                });
            }
            std::thread::sleep(POLL);
        }
    }
}

/// An empty file for what a program prints, as its stdout and its stderr, so
/// that both keep their order.
pub(crate) fn log_file(log: &Path) -> Result<(File, File), Error> {
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    }
    let out = File::create(log).map_err(Error::file(log))?;
    let err = out.try_clone().map_err(Error::file(log))?;
    Ok((out, err))
}
