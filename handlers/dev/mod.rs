//! Local development: `entrada dev`, its tokens and stand-ins.

mod banner;
mod settings;
mod start;
mod token;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use secrecy::SecretString;

use crate::command::{Failure, ambient, runtime};
use crate::config::DEFAULT_PORT;

/// Options of `entrada dev`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DevArguments {
    #[command(subcommand)]
    command: Option<DevCommand>,
    #[command(flatten)]
    options: DevOptions,
}

/// Options of the server that `entrada dev` starts.
#[derive(Debug, Args)]
pub(super) struct DevOptions {
    /// Port of the server; the stand-ins take the next one, and https the one
    /// after
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Folder for state: keys, storage, policy and agents
    #[arg(long, value_name = "FOLDER", default_value = ".entrada")]
    data_dir: PathBuf,
    /// Connection string of a storage account in place of the file, such as
    /// UseDevelopmentStorage=true for Azurite
    #[arg(long, value_name = "CONNECTION", hide_env_values = true)]
    storage: Option<SecretString>,
    /// Persona who signs in without being asked
    #[arg(long, value_name = "PERSONA")]
    auto_sign_in: Option<String>,
}

#[derive(Debug, Subcommand)]
enum DevCommand {
    /// Prints an access token of a persona, signed by the running stand-in.
    Token(token::TokenArguments),
    /// Serves the stand-ins alone, for several servers or the package.
    StandIns(entrada_stand_ins::cli::Args),
}

/// Runs `entrada dev`.
///
/// # Errors
/// With what is in the way.
pub fn run(arguments: DevArguments) -> Result<(), Failure> {
    let ambient = ambient()?;
    runtime()?.block_on(async move {
        match arguments.command {
            None => start::start(arguments.options, &ambient).await,
            Some(DevCommand::Token(arguments)) => token::print(&arguments, &ambient).await,
            Some(DevCommand::StandIns(arguments)) => entrada_stand_ins::cli::run(
                arguments,
                ambient.clock,
                ambient.random,
                std::io::stdout(),
            )
            .await
            .map_err(|error| Failure::other(crate::error::chain(&error))),
        }
    })
}
