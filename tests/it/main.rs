//! Black-box tests: the real program, asked over HTTP, by third-party clients
//! where there are any.
//!
//! `cargo xtask test` runs them directly on embedded storage, and those that
//! touch storage or the host also on Azurite, through the host stand-in, and
//! through both (`ENTRADA_TEST_STORAGE`, `ENTRADA_TEST_THROUGH`).

mod rig;

mod bad_input;
mod browser;
mod chat;
mod clients;
mod health;
mod limits;
mod mcp;
mod oauth;
mod python;
mod revocation;
mod sign_in;
mod stand_ins;
mod tokens;
