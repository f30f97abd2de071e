//! Serves the stand-ins alone: `cargo run -p entrada-stand-ins --example serve`.

use std::sync::Arc;

use clap::Parser;
use entrada_ambient::{SystemClock, SystemRandom};
use entrada_stand_ins::cli::{Args, CliError, run};

/// Serves stand-ins for Microsoft Entra ID and Azure AI Foundry.
#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

#[tokio::main]
async fn main() -> Result<(), CliError> {
    let args = Command::parse().args;
    let clock = Arc::new(SystemClock::new());
    run(args, clock, Arc::new(SystemRandom), std::io::stdout()).await
}
