//! The command line.

mod audit;
mod azure_cli;
mod deployment;
mod doctor;
mod explain;
mod functions;
mod keys;
mod serve;
mod standard_input;
mod state;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use serve::Failure;
#[cfg(feature = "dev")]
pub(crate) use serve::{ambient, runtime};

/// Microsoft Entra ID in front of your AI agents and MCP tools.
///
/// Without a command, serves with the settings of the environment
/// (docs/settings.md). To try it without Azure: `entrada dev`.
#[derive(Debug, Parser)]
#[command(name = "entrada", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves, with the settings of the environment.
    Serve,
    /// Makes, changes and shows the keys of a deployment.
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Looks into the audit log.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    Doctor(doctor::DoctorArguments),
    Explain(explain::ExplainArguments),
    /// Prints the functions that a package declares, as JSON.
    #[command(hide = true)]
    Functions,
    /// Serves on this machine, with stand-ins for Azure.
    #[cfg(feature = "dev")]
    Dev(Box<crate::dev::DevArguments>),
}

/// Runs the program with the arguments of the process.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        None | Some(Command::Serve) => return finish(serve::serve()),
        Some(Command::Audit(command)) => return finish_looking(audit::run(&command)),
        Some(Command::Keys(command)) => keys::run(&command),
        Some(Command::Doctor(arguments)) => return finish(doctor::run(&arguments)),
        Some(Command::Explain(arguments)) => return finish_looking(explain::run(&arguments)),
        Some(Command::Functions) => functions::print(),
        #[cfg(feature = "dev")]
        Some(Command::Dev(arguments)) => crate::dev::run(*arguments),
    };
    finish(outcome.map(|()| ExitCode::SUCCESS))
}

fn finish(outcome: Result<ExitCode, Failure>) -> ExitCode {
    finish_as(ExitCode::FAILURE, outcome)
}

/// Of commands whose failure code is what they found: that they could not look
/// is another.
fn finish_looking(outcome: Result<ExitCode, Failure>) -> ExitCode {
    finish_as(ExitCode::from(2), outcome)
}

fn finish_as(failed: ExitCode, outcome: Result<ExitCode, Failure>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            failure.report();
            failed
        }
    }
}

impl Failure {
    fn report(&self) {
        use std::io::Write as _;
        // There is nobody left to tell when standard error is gone.
        let _ = writeln!(std::io::stderr(), "entrada: {self}");
    }
}
