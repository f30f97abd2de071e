//! Sign-in for front ends: login, callback, exchange, refresh, logout.

pub mod callback;
mod callback_page;
pub mod exchange;
mod flow;
mod flow_cookie;
pub mod info;
pub mod login;
pub mod logout;
pub mod me;
pub mod refresh;
mod tokens;

pub use flow::{Flows, TABLE as FLOWS_TABLE};
pub use tokens::FRONT_END_CLIENT;
