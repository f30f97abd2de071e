//! OAuth for MCP clients: what they discover before they sign in, and the
//! authorization server that stands in front of Entra for them, since Entra
//! has neither dynamic registration nor client ID metadata documents.

mod authentication;
mod authorization_request;
pub mod authorize;
mod browser;
pub mod clients;
pub mod consent;
mod error;
pub mod metadata;
mod parameters;
mod protected_resource;
mod refusal_page;
mod register;
mod resource;
pub mod revoke;
mod scope;
mod server;
pub mod token;

pub use authorization_request::{
    AuthorizationRequest, ClientFlow, ConsentGiven, Destination, ReturnAddress,
};
pub use error::OAuthError;
pub use metadata::Metadata;
pub use parameters::{OAuthForm, Parameters};
pub use protected_resource::{ProtectedResources, of_base, of_mcp, of_webhook};
pub(crate) use refusal_page::refusal_page;
use refusal_page::return_page;
pub use register::register;
pub use resource::Resource;
pub use scope::{InvalidScope, Scope, ScopeNames};
pub use server::AuthorizationServer;
