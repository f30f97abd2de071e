//! The Functions host's side of the server: which functions a package
//! declares, and the answers to calls that the host wraps.
//!
//! A function with an HTTP trigger is proxied and arrives as the client sent
//! it. Every other one (tools of the MCP extension, timers) arrives wrapped, as
//! `POST /{function}` (azure-functions-host, `DefaultHttpWorkerService`).

mod answer;
mod declaration;
mod genuine;
mod http_functions;
mod timer;
mod tool_call;
mod tool_trigger;

pub use answer::InvocationAnswer;
pub use declaration::{Declaration, declarations};
pub use genuine::refuse_forged;
pub use http_functions::{HTTP_FUNCTIONS, HttpFunction};
pub use timer::{SWEEP, SweepTimer};
pub use tool_call::{ToolCall, ToolCallError};
pub use tool_trigger::{ToolTrigger, tool_panicked};
