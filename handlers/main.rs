//! The `entrada` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    entrada::command::run()
}
