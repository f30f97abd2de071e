//! `/runtime/webhooks/mcp`: the door of the MCP extension
//! (Microsoft.Azure.Functions.Extensions.Mcp 1.6.0 with its SDK
//! 0.4.0-preview.3), as seen from a client and from the handler.
//!
//! Streamable HTTP alone; the older door with `/sse` and `/message` is not
//! here and answers 501.

mod answer;
mod door;
mod legacy;
mod message;
mod methods;
mod outcome;
mod outcome_text;
mod payload;
mod session;
mod spelling;
mod tools;

pub(crate) use door::McpDoor;
pub(crate) use payload::{STREAMABLE, ToolCall, Transport, tool_payload};
