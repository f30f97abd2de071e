//! Local development.

use clap::Args;

use crate::command::Failure;

/// Options of `entrada dev`.
#[derive(Debug, Args)]
pub struct DevArguments {}

/// Runs `entrada dev`.
///
/// # Errors
/// With what is in the way.
pub fn run(_arguments: DevArguments) -> Result<(), Failure> {
    Ok(())
}
