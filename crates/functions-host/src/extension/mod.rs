//! `/runtime/webhooks/mcp`: the door of the MCP extension
//! (Microsoft.Azure.Functions.Extensions.Mcp 1.6.0 with its SDK
//! 0.4.0-preview.3), as seen from a client and from the handler.
//!
//! Tools, resources and prompts at the door of streamable HTTP, and at the older
//! one with `/sse` and `/message`.

mod answer;
mod call;
mod client_state;
mod door;
mod envelope;
mod invocation_context;
mod legacy;
mod message;
mod methods;
mod outcome;
mod outcome_text;
mod params;
mod payload;
mod prompts;
mod resources;
mod spelling;
mod tools;
mod trigger_text;

pub(crate) use call::{Call, STREAMABLE, Transport};
pub(crate) use door::McpDoor;
pub(crate) use payload::tool_payload;
