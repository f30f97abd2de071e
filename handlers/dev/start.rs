//! `entrada dev`: server and stand-ins in one process.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;

use entrada_stand_ins::StandInOptions;
use tokio::net::TcpListener;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::DevOptions;
use super::banner::banner;
use super::settings::{environment, make_folder};
use crate::app::{Ambient, App};
use crate::command::Failure;
use crate::config::{LogFilter, Settings};
use crate::error::chain;

/// Tells what is going on, on standard output.
fn say(text: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout();
    writeln!(output, "{text}")
        .and_then(|()| output.flush())
        .map_err(Failure::other)
}

/// People read this log: short lines, on standard error.
fn log_for_people(filter: &LogFilter) {
    let layer = tracing_subscriber::fmt::layer()
        .compact()
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(layer.with_filter(filter.filter()))
        .init();
}

async fn listen(port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| {
            Failure::other(format!(
                "cannot listen on port {port}: {error}. Is another `entrada dev` running? \
             Choose another port with --port."
            ))
        })
}

pub(super) async fn start(options: DevOptions, ambient: &Ambient) -> Result<(), Failure> {
    say("Entrada, on this machine alone: nothing here reaches Azure.")?;
    let listener = listen(options.port).await?;
    make_folder(&options.data_dir)?;
    say("  starting the stand-ins for Azure (the first start makes keys) …")?;
    let defaults = StandInOptions::new(ambient.clock.clone(), ambient.random.clone());
    let stand_ins = entrada_stand_ins::start(StandInOptions {
        port: options.port.saturating_add(1),
        auto_sign_in: options.auto_sign_in.clone(),
        data_dir: Some(options.data_dir.join("stand-ins")),
        ..defaults
    })
    .await
    .map_err(|error| Failure::other(chain(&error)))?;
    let environment = environment(&options, stand_ins.url(), ambient)?;
    let (settings, warnings) = Settings::load(&environment, true).map_err(Failure::other)?;
    log_for_people(&settings.log);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    say("  opening storage …")?;
    let app = App::assemble(&settings, ambient).map_err(Failure::other)?;
    let base = settings.base_url.as_str();
    let stand_ins_url = stand_ins.url().as_str().trim_end_matches('/').to_owned();
    say(&banner(
        base,
        &stand_ins_url,
        &options.data_dir.display().to_string(),
    ))?;
    let service = app
        .start()
        .into_make_service_with_connect_info::<SocketAddr>();
    say(&format!("ready {base}"))?;
    // Crash-only: what was acknowledged is stored, so stopping is stopping.
    tokio::select! {
        served = async { axum::serve(listener, service).await } => served.map_err(Failure::other),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.map_err(Failure::other)?;
            say("\nStopped. State is kept; start again to go on.")
        }
    }
}
