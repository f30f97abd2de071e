//! Consent: before a client that nobody vouches for gets anything, the person
//! is asked on a page of ours (MCP, "Security best practices", confused
//! deputy; a must for servers that are one client to another authorization
//! server).

mod page;
mod pending;
mod remembered;
mod submit;

pub(super) use pending::Pending;
pub(super) use remembered::{remember, remembered};
pub use submit::{show, submit};

use crate::auth::{FLOW_LIFETIME, flow_cookie};
use crate::config::BaseUrl;

/// The purpose in the name of the page's own cookie.
const COOKIE: &str = "consent";

/// The `Set-Cookie` value of the page's own cookie: what its forms prove
/// that they were rendered for this browser by.
pub(super) fn page_cookie(id: &str, secret: &str, base: &BaseUrl) -> String {
    flow_cookie::set(COOKIE, id, secret, FLOW_LIFETIME, base)
}
