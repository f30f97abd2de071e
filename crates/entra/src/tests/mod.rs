//! The crate against a small, strict authority: an HTTP server that records
//! what it is asked and answers what the test says, with keys made here.

mod access_tokens;
mod authority;
mod credentials;
mod discovery;
mod errors;
mod examination;
mod forgery;
mod keys;
mod on_behalf_of;
mod refresh;
mod sign_in;
mod world;
