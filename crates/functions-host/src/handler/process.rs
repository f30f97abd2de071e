use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use entrada_ambient::Random;
use tokio::process::{Child, Command};

use super::logs::{LogStream, Logs};
use crate::error::HandlerError;
use crate::settings::{AppSettings, CustomHandler};

/// How to start the handler.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) handler: CustomHandler,
    pub(crate) root: PathBuf,
    pub(crate) port: u16,
    pub(crate) settings: AppSettings,
    pub(crate) inherit_environment: bool,
    pub(crate) random: Arc<dyn Random>,
}

impl Launch {
    /// Starts the process. It dies with the returned value: a test that panics
    /// leaves nothing behind.
    pub(crate) fn spawn(&self, logs: &Arc<Logs>) -> Result<Child, HandlerError> {
        let mut command = Command::new(&self.handler.executable);
        command
            .args(&self.handler.arguments)
            .current_dir(&self.handler.working_directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if !self.inherit_environment {
            command.env_clear();
        }
        command.envs(self.settings.given());
        let port = self.port.to_string();
        let worker = self.random.uuid_v4().to_string();
        command
            .env("FUNCTIONS_HTTPWORKER_PORT", &port)
            .env("FUNCTIONS_HTTPWORKER_ID", &worker)
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", &port)
            .env("FUNCTIONS_CUSTOMHANDLER_WORKER_ID", &worker)
            .env("FUNCTIONS_APP_ROOT_PATH", &self.root);
        let mut child = command.spawn().map_err(|source| HandlerError::Spawn {
            executable: self.handler.executable.clone(),
            source: Arc::new(source),
        })?;
        // The readers end when the process's last copy of the pipe closes.
        if let Some(stdout) = child.stdout.take() {
            let logs = Arc::clone(logs);
            tokio::spawn(async move { logs.collect(stdout, LogStream::Stdout).await });
        }
        if let Some(stderr) = child.stderr.take() {
            let logs = Arc::clone(logs);
            tokio::spawn(async move { logs.collect(stderr, LogStream::Stderr).await });
        }
        Ok(child)
    }
}
