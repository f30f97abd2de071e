//! `entrada serve`: the server itself.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::ListenerExt;
use entrada_ambient::{NetworkOptions, ProcessEnvironment, SystemClock, SystemRandom, http_client};
use tokio::net::TcpListener;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::app::{Ambient, App, policy_fault};
use crate::config::{Settings, SettingsFaults};
use crate::log_filter::log_filter;

/// Why the program ends.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    pub(crate) fn other(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The runtime that everything runs on.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::other)
}

/// Time, randomness and network of this machine.
pub(crate) fn ambient() -> Result<Ambient, Failure> {
    Ok(Ambient {
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(SystemRandom),
        http: http_client(&NetworkOptions::default())
            .map_err(|error| Failure(crate::error::chain(&error)))?,
    })
}

/// One JSON object for each event, on standard output: the Functions host
/// takes standard error for errors (azure-functions-host,
/// `WorkerProcess.cs`).
fn log_as_json(filter: &str) -> Result<(), Failure> {
    let filter = log_filter(filter).map_err(|error| Failure(format!("ENTRADA_LOG: {error}")))?;
    let layer = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(std::io::stdout);
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .init();
    Ok(())
}

/// The faults of the settings, and those of the policy that they name.
fn all_faults(mut faults: SettingsFaults) -> Failure {
    if let Some((name, what)) = policy_fault(&ProcessEnvironment) {
        faults.note(name, what);
    }
    Failure(faults.to_string())
}

pub(super) fn serve() -> Result<(), Failure> {
    let (settings, warnings) = Settings::load(&ProcessEnvironment, false).map_err(all_faults)?;
    log_as_json(&settings.log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let ambient = ambient()?;
    runtime()?.block_on(async {
        let app = App::assemble(&settings, &ambient).map_err(Failure::other)?;
        let listener = TcpListener::bind(settings.listen)
            .await
            .map_err(|error| Failure(format!("cannot listen on {}: {error}", settings.listen)))?;
        tracing::info!(address = %settings.listen, base_url = settings.base_url.as_str(), "listening");
        let service = app
            .start()
            .into_make_service_with_connect_info::<SocketAddr>();
        // An answer is written in one piece: nothing is gained by waiting for more.
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(error = crate::error::chain(&error), "a connection waits for more");
            }
        });
        axum::serve(listener, service)
            .await
            .map_err(Failure::other)
    })
}
