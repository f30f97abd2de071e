//! Entrada: Microsoft Entra ID in front of an organisation's AI agents and
//! MCP tools, as an Azure Functions custom handler.
//!
//! [`router`] names every route; [`app`] puts the pieces together.

pub mod address;
pub mod app;
pub mod audit;
pub mod auth;
pub mod chat;
pub mod command;
pub mod config;
pub mod context;
pub mod doctor;
pub mod downstream;
mod drain;
pub mod error;
pub mod explain;
mod first_load;
pub mod fix;
pub mod functions;
pub mod grants;
pub mod graph;
pub mod identity;
mod json;
pub mod limits;
mod log_filter;
pub mod mcp;
pub mod oauth;
pub mod openapi;
pub mod ops;
mod pages;
pub mod policy;
pub mod records;
pub mod router;
pub mod secrets;
#[cfg(test)]
mod snapshot;
pub mod state;
pub mod telemetry;
pub mod terminal;
pub mod weather;

#[cfg(feature = "dev")]
pub mod dev;

pub use json::{JsonBody, QueryString};
