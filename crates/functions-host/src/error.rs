use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The host cannot start, or has stopped.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// `host.json` or an app setting is wrong. Where the Functions host has a
    /// text of its own for it, this is that text.
    #[error("{0}")]
    Configuration(String),
    /// A file cannot be read.
    #[error("'{path}' cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not JSON.
    #[error("{message}")]
    Json {
        /// Which file, in the host's words.
        message: String,
        /// Where it breaks off.
        source: serde_json::Error,
    },
    /// Functions are declared wrongly. The Functions host would log each fault
    /// and go on without that function; here the package does not start.
    #[error("{}", list(.0))]
    Functions(Vec<FunctionFault>),
    /// The port for clients, or the one for the handler, cannot be had.
    #[error("port {port} cannot be bound: {message}")]
    Bind {
        /// The port that was asked for.
        port: u16,
        /// In whose configuration, and what the operating system said.
        message: String,
    },
    /// The handler could not be started, or the host gave it up.
    #[error(transparent)]
    Handler(#[from] HandlerError),
}

/// The handler is no more, and the host does not start it again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HandlerError {
    /// Its executable cannot be started.
    #[error("Failed to start Worker Channel. Process fileName: {executable}")]
    Spawn {
        /// The file, as it was looked for.
        executable: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// It did not answer HTTP in time and was killed.
    #[error(
        "Initializing HttpWorker timed out. (No HTTP answer on 127.0.0.1:{port} within {timeout:?}.)"
    )]
    InitializationTimedOut {
        /// Where it was to listen.
        port: u16,
        /// `customHandler.initializationTimeout`.
        timeout: Duration,
    },
    /// It ended with an error as often as the host bears.
    #[error("Exceeded http worker restart retry count. Shutting down Functions Host. {last}")]
    KeepsFailing {
        /// How it ended the last time, with its last lines on stderr.
        last: String,
    },
    /// It ended with exit code 0 before it answered. The host does not start
    /// such a handler again.
    #[error("The handler exited with code 0 before it answered: the host does not restart it.")]
    Left,
}

/// One function's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The '{function}' function is in error: {message}")]
pub struct FunctionFault {
    /// The function's folder name.
    pub function: String,
    /// What is wrong, in the host's words where it has some.
    pub message: String,
}

fn list(faults: &[FunctionFault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A wrapped invocation did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum InvocationError {
    /// There is no enabled function of that name with that trigger.
    #[error("there is no enabled function '{0}' with that trigger")]
    NoSuchFunction(String),
    /// The handler is down, or was not ready in time.
    #[error("{0}")]
    Unavailable(String),
    /// The request could not be exchanged with the handler.
    #[error("the handler did not answer")]
    Exchange(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The handler answered with another status than 2xx.
    #[error("Response status code does not indicate success: {0}.")]
    Status(http::StatusCode),
    /// The answer is not the JSON object that the host expects.
    #[error("Invalid HttpResponseMessage: {0}")]
    Invalid(String),
    /// The answer's body is empty or `null`: the host never completes such an
    /// invocation, which hangs until the function timeout and then costs the
    /// handler its process.
    #[error(
        "the handler answered with an empty body: the Functions host would wait until functionTimeout and then kill the handler"
    )]
    Hangs,
}
