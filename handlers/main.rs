//! The `entrada` program.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request makes hundreds of small allocations on whichever thread it runs.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    entrada::command::run()
}
