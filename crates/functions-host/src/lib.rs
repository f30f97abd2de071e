//! A strict stand-in for the Azure Functions host.
mod error;
mod functions;
mod routing;
mod settings;
pub use error::{FunctionFault, HostError, InvocationError};
pub use functions::{FunctionSummary, TriggerSummary};
