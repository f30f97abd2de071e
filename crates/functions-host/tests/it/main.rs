//! Runs packages whose handler records what it is sent.

mod binary;
mod extension;
mod http;
mod lifecycle;
mod package;
mod proxy;
mod routes;
mod validation;
mod wrapped;
