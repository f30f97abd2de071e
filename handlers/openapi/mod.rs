//! The API's documentation: an `OpenAPI` 3.1 document made of the types that
//! the routes take and give, and two pages that show it. Everything is
//! embedded; nothing is loaded from elsewhere, and nothing here is secret.

mod account_operations;
mod assets;
mod chat_operations;
mod document;
mod open_operations;
mod operation;
mod pages;
mod schemas;
mod sign_in_operations;

pub use assets::asset;
pub use document::document;
pub use pages::{redoc, swagger_ui};
