//! OAuth for MCP clients: what they discover before they sign in.

mod protected_resource;

pub use protected_resource::{ProtectedResources, of_base, of_mcp, of_webhook};
