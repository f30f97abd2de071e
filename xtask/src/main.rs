//! The project's own commands, run as `cargo xtask COMMAND`.

mod azurite;
mod bench;
mod clients;
mod error;
mod package;
mod program;
mod python;
mod report;
mod running;
mod stopwatch;
mod suite;
mod tools;
mod verify;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use report::Report;
use stopwatch::Stopwatch;
use workspace::Workspace;

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Checks and tests everything; needs Rust, Node >= 20 and Python >= 3.11
    Test(suite::Options),
    /// Builds what is deployed: a folder for the Functions host, and a zip of it
    Package(package::Options),
    /// Measures /mcp beside a bare rmcp server and chat beside its agent, and writes docs/benchmarks.md
    Bench(bench::Options),
    /// What is done before a release: builds the package twice to the same bytes, and measures
    Verify(bench::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let workspace = Workspace::of_this_build();
    let report = Report::default();
    let well = match arguments.task {
        Task::Test(options) => suite::run(&workspace, &report, &options),
        Task::Package(options) => told(&report, "package", || package::build(&workspace, &options)),
        Task::Bench(options) => told(&report, "bench", || bench::run(&workspace, &options)),
        Task::Verify(options) => told(&report, "verify", || {
            verify::run(&workspace, &report, &options)
        }),
    };
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs a command of one step and prints how it went.
fn told(report: &Report, name: &str, work: impl FnOnce() -> Result<String, error::Error>) -> bool {
    let watch = Stopwatch::start();
    match work() {
        Ok(remark) => {
            report.done(name, &remark, watch.read());
            true
        }
        Err(error) => {
            report.failed(
                name,
                &error,
                "mend what is named above and run it again",
                watch.read(),
            );
            false
        }
    }
}
