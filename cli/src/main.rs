//! `entrada-agent`: what an agent platform does with an MCP server, from a
//! terminal. It talks HTTP only.

mod discover;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use entrada_ambient::{NetworkOptions, http_client, printable};
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
    let _ = writeln!(std::io::stderr(), "entrada-agent: {}", describe(error));
    ExitCode::FAILURE
}

/// An error with its causes, and what helps where that is known.
fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let mut text = error.to_string();
    for cause in causes {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    let mut text = printable(&text);
    if text.contains("certificate") {
        text.push_str(
            "\nTo trust a private CA on Linux, name a PEM file with its certificate in \
             SSL_CERT_FILE.",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_that_are_not_trusted_get_a_hint() {
        let error = std::io::Error::other("invalid peer certificate: UnknownIssuer");
        assert!(describe(&error).contains("SSL_CERT_FILE"));
        let error = std::io::Error::other("gone\u{1b}[2J");
        assert_eq!(describe(&error), "gone\u{fffd}[2J");
    }
}
