//! `entrada functions`: what a package declares to the Functions host.

use std::io::Write as _;

use super::serve::Failure;
use crate::functions::declarations;

pub(super) fn print() -> Result<(), Failure> {
    let declarations = declarations().map_err(Failure::other)?;
    let json = serde_json::to_string_pretty(&declarations).map_err(Failure::other)?;
    writeln!(std::io::stdout(), "{json}").map_err(Failure::other)
}
