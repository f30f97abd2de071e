//! Runs a Functions package as `func start` would, without Azure Functions
//! Core Tools.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use entrada_functions_host::{Host, HostOptions, TriggerSummary, local_settings, start};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Runs a package folder with a custom handler, as the Azure Functions host
/// would: checks host.json and every function.json, starts the handler, and
/// serves its HTTP functions, its MCP tools, resources and prompts, and nothing
/// else.
///
/// App settings come from ROOT/local.settings.json where there is one, and
/// from --setting, which wins. They are the handler's environment, on top of
/// this program's own, and override host.json by their names
/// (`AzureFunctionsJobHost__customHandler__description__defaultExecutablePath`).
///
/// No keys exist here: functions and webhooks that ask for one answer 401.
/// Timers do not fire by themselves. Ctrl-C kills the handler, as the host
/// does.
#[derive(Debug, Parser)]
#[command(name = "functions-host", version)]
struct Arguments {
    /// The package folder, with host.json in it.
    root: PathBuf,
    /// Port on 127.0.0.1 to serve on; 0 takes any.
    #[arg(long, default_value_t = 7071)]
    port: u16,
    /// An app setting; may be repeated.
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = parse_setting)]
    settings: Vec<(String, String)>,
    /// Give the handler the app settings alone, not this program's environment.
    #[arg(long)]
    clean_environment: bool,
    /// Do not read local.settings.json.
    #[arg(long)]
    no_local_settings: bool,
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::new("warn,handler=info");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stdout().is_terminal())
        .with_target(false)
        .with_level(false)
        .without_time()
        .init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = std::iter::successors(error.source(), |cause| cause.source());
            let message: Vec<_> = std::iter::once(error.to_string())
                .chain(causes.map(ToString::to_string))
                .collect();
            match writeln!(std::io::stderr(), "{}", message.join(": ")) {
                Ok(()) => ExitCode::FAILURE,
                Err(_) => ExitCode::from(2),
            }
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut settings = if arguments.no_local_settings {
        BTreeMap::new()
    } else {
        local_settings(&arguments.root)?
    };
    settings.extend(arguments.settings);
    let mut options = HostOptions::new(arguments.root);
    options.port = arguments.port;
    options.app_settings = settings;
    options.inherit_environment = !arguments.clean_environment;
    // Taken before the handler exists, so that no signal leaves it behind.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut host = tokio::select! {
        host = start(options) => host?,
        _ = terminate.recv() => return Ok(()),
        _ = hang_up.recv() => return Ok(()),
        outcome = tokio::signal::ctrl_c() => return Ok(outcome?),
    };
    print_functions(&host, &mut std::io::stdout())?;
    let ended = tokio::select! {
        error = host.stopped() => Err(error.into()),
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
        outcome = tokio::signal::ctrl_c() => outcome.map_err(Into::into),
    };
    host.kill().await;
    ended
}

/// The list that `func start` prints.
fn print_functions(host: &Host, to: &mut impl Write) -> std::io::Result<()> {
    let base = host.url().to_string();
    let base = base.trim_end_matches('/');
    let mut has_mcp = false;
    writeln!(to, "\nFunctions:\n")?;
    for function in host.functions() {
        let name = &function.name;
        let disabled = if function.disabled { " (disabled)" } else { "" };
        match &function.trigger {
            TriggerSummary::Http { methods, path } => {
                let methods = if methods.is_empty() {
                    String::new()
                } else {
                    format!("[{}] ", methods.join(",").to_uppercase())
                };
                writeln!(to, "\t{name}: {methods}{base}{path}{disabled}\n")?;
            }
            TriggerSummary::Timer { schedule } => {
                writeln!(to, "\t{name}: timerTrigger {schedule}{disabled}\n")?;
            }
            TriggerSummary::McpTool { tool } => {
                has_mcp = true;
                writeln!(to, "\t{name}: mcpToolTrigger {tool}{disabled}\n")?;
            }
            TriggerSummary::McpResource { uri } => {
                has_mcp = true;
                writeln!(to, "\t{name}: mcpResourceTrigger {uri}{disabled}\n")?;
            }
            TriggerSummary::McpPrompt { prompt } => {
                has_mcp = true;
                writeln!(to, "\t{name}: mcpPromptTrigger {prompt}{disabled}\n")?;
            }
        }
    }
    if has_mcp {
        writeln!(to, "MCP server endpoint: {base}/runtime/webhooks/mcp\n")?;
    }
    writeln!(to, "Handler on http://127.0.0.1:{}", host.handler_port())?;
    to.flush()
}
