//! A strict stand-in for the Azure Functions host, for one kind of app: a
//! package folder with a custom handler.
//!
//! It checks `host.json` and every `function.json` as the host does, spawns the
//! handler with the host's environment, polls it, routes and proxies HTTP
//! requests by the host's rules, wraps invocations of timers and of MCP tools,
//! resources and prompts, and speaks the MCP extension's side of
//! `/runtime/webhooks/mcp`. Where the host would log a fault of a function and go
//! on without it, the package does not start.
//!
//! What it rests on: the sources of azure-functions-host, of the MCP extension
//! and of YARP, and recordings of the router, the forwarder and the extension
//! at work. Items name their source.
//!
//! What it does not do: HTTP functions that are wrapped or forwarded instead of
//! proxied; triggers other than `httpTrigger`, `timerTrigger`, `mcpToolTrigger`,
//! `mcpResourceTrigger` and `mcpPromptTrigger`; the inputs and outputs beside
//! them, `mcpToolProperty` aside; keys (whatever needs one answers 401); timers
//! that fire by themselves; storage.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use entrada_functions_host::{HostOptions, start};
//!
//! let host = start(HostOptions::new("dist").setting("NAME", "value")).await?;
//! println!("{}", host.url());
//! let swept = host.invoke_timer("sweep").await?;
//! # Ok(())
//! # }
//! ```

mod body;
mod error;
mod extension;
mod functions;
mod handler;
mod host;
mod identity;
mod invocation;
mod json;
mod options;
mod proxy;
mod routing;
mod server;
mod settings;

pub use error::{FunctionFault, HandlerError, HostError, InvocationError};
pub use functions::{FunctionSummary, TriggerSummary};
pub use handler::{LogLevel, LogLine, LogStream};
pub use host::{Host, start};
pub use invocation::InvocationResult;
pub use options::HostOptions;
pub use settings::local_settings;
