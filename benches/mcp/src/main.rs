//! Measures the handler's `/mcp` beside a bare rmcp server, and chat beside the
//! agent itself, in one run.

mod chat;
mod connection;
mod error;
mod load;
mod measure;
mod page;
mod server;
mod subjects;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use entrada_ambient::{Clock, SystemClock};

use error::Error;
use measure::Effort;

/// Measures the handler's `/mcp` beside a bare rmcp server, and chat beside the
/// agent itself, and writes a page with the figures.
#[derive(Debug, Parser)]
struct Arguments {
    /// The handler, built for release without the `dev` feature
    #[arg(long, value_name = "PROGRAM")]
    entrada: PathBuf,
    /// The bare rmcp server, built alike
    #[arg(long, value_name = "PROGRAM")]
    bare: PathBuf,
    /// The page to write
    #[arg(long, value_name = "FILE")]
    page: PathBuf,
    #[command(flatten)]
    effort: Effort,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            // There is nobody left to tell when standard error is gone.
            let _ = writeln!(std::io::stderr(), "entrada-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Error> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let folder = tempfile::tempdir().map_err(Error::io("a temporary folder"))?;
    let stand_ins = subjects::stand_ins(&clock).await?;
    let subjects = [
        subjects::entrada(
            &arguments.entrada,
            folder.path(),
            &stand_ins,
            clock.as_ref(),
        )?,
        subjects::bare(&arguments.bare),
    ];
    let measured = measure::measure(&subjects, arguments.effort, &clock).await?;
    let chatting = subjects::chatting(&subjects[0], folder.path(), &stand_ins)?;
    let chat = chat::measure(&chatting, &stand_ins, arguments.effort.turns, &clock).await?;
    stand_ins.stopped().await;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let page = page::page(&measured, &chat, arguments.effort, cores);
    std::fs::write(&arguments.page, page).map_err(Error::io("writing the page"))
}
