//! `entrada-agent`: what an agent platform does with an MCP server, from a
//! terminal. It talks HTTP only.

mod discover;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use entrada_ambient::{NetworkOptions, http_client};
use url::Url;

/// Calls MCP servers as an agent platform does.
#[derive(Debug, Parser)]
#[command(name = "entrada-agent", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Finds out how an MCP server wants people to sign in.
    Discover {
        /// The address of the MCP endpoint, which mostly ends in /mcp
        url: Url,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Discover { url } = Arguments::parse().command;
    let client = match http_client(&NetworkOptions::default()) {
        Ok(client) => client,
        Err(error) => return fail(&error),
    };
    match discover::discover(&client, &url).await {
        Ok(found) => match writeln!(std::io::stdout(), "{found}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        },
        Err(error) => fail(&error),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    // There is nobody left to tell when standard error is gone.
    let _ = writeln!(std::io::stderr(), "entrada-agent: {error}");
    ExitCode::FAILURE
}
