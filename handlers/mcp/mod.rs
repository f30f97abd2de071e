//! The MCP server: tools by role over Streamable HTTP, stateless, both
//! protocol eras.

mod calls;
mod challenge;
mod confirmation;
mod definition;
mod direct;
mod door;
mod erased;
mod list;
mod lists;
mod message;
mod origin;
mod portable;
mod progress;
mod registry;
mod request_state;
mod server;
#[cfg(test)]
mod tests;
mod tool;
pub mod tools;

pub use challenge::ChallengeSlot;
pub use definition::DefinitionError;
pub use door::{Anonymous, McpDoor, Served};
pub use list::list_as_json;
pub use origin::AllowedOrigins;
pub use progress::Progress;
pub use registry::{Outcome, Registry};
pub use request_state::{RequestStates, StateError};
pub use server::McpServer;
pub use tool::{Effects, PublicTool, Tool, ToolChallenge, ToolError};
