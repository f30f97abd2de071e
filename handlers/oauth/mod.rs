//! OAuth for MCP clients: what they discover before they sign in.

pub mod clients;
mod protected_resource;

pub use protected_resource::{ProtectedResources, of_base, of_mcp, of_webhook};
