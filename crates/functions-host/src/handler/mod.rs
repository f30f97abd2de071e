//! The custom handler's process: started, polled, watched, killed.

mod deadline;
mod logs;
mod port;
mod process;
mod readiness;
mod restarts;
mod state;
mod supervisor;

pub(crate) use deadline::FunctionTimeout;
pub(crate) use logs::Logs;
pub use logs::{LogLevel, LogLine, LogStream};
pub(crate) use port::choose_port;
pub(crate) use process::Launch;
pub(crate) use state::{State, StateWatch};
pub(crate) use supervisor::Supervisor;
