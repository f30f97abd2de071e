//! What is wrong with a set-up, why it matters, and what mends it.
//!
//! Three areas, each by itself: this machine's settings and what they lead to
//! ([`local`]), a running server as the outside sees it ([`url`]), and the
//! application's registration in Entra ([`registration`]). Nothing is changed
//! anywhere, and every wait has a limit.

pub mod local;
pub mod registration;
mod render;
mod report;
mod setting;
pub mod url;

pub use report::{Area, Finding, Grade, Line, Report};
