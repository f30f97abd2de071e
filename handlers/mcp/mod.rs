//! The MCP server: tools by role over Streamable HTTP, stateless, both
//! protocol eras.

mod door;
mod list;
mod origin;
mod registry;
mod server;
mod tool;
pub mod tools;

pub use door::McpDoor;
pub use list::list_as_json;
pub use origin::{AllowedOrigins, check_origin};
pub use registry::{Outcome, Registry};
pub use server::McpServer;
pub use tool::{Effects, Tool, ToolError};
