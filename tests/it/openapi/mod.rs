//! The API's documentation: it describes the routes that there are, the
//! server keeps to it, and its pages work in a browser.

mod pages;
mod routes;
mod schemathesis;
