//! `entrada serve`: the server itself.

use std::fmt;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use axum::serve::ListenerExt;
use azure_core::credentials::TokenCredential;
use entrada_ambient::{NetworkOptions, ProcessEnvironment, SystemClock, SystemRandom, http_client};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::app::{Ambient, App, identity, named_faults};
use crate::config::{LogFilter, Settings, SettingsFaults, TelemetrySettings};
use crate::telemetry::{Bearer, Telemetry};

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
fn log_as_json(filter: &LogFilter, telemetry: Option<&Telemetry>) {
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(std::io::stdout)
        .with_filter(filter.filter());
    match telemetry {
        None => tracing_subscriber::registry().with(lines).init(),
        Some(telemetry) => {
            let mut layers = telemetry.layers(filter.filter());
            layers.push(lines.boxed());
            tracing_subscriber::registry().with(layers).init();
        }
    }
}

/// The faults of the settings, and of what they name.
fn all_faults(mut faults: SettingsFaults, ambient: &Ambient) -> Failure {
    for fault in named_faults(&ProcessEnvironment, ambient) {
        faults.note(fault.setting(), fault.what());
    }
    Failure(faults.to_string())
}

/// Telemetry, where the settings say where it goes. The runtime must be
/// entered.
fn telemetry(settings: &Settings, ambient: &Ambient) -> Result<Option<Telemetry>, Failure> {
    let TelemetrySettings {
        connection,
        ratio,
        instance,
        authenticated,
    } = &settings.telemetry;
    let Some(connection) = connection else {
        return Ok(None);
    };
    let identity = identity(settings, ambient).map_err(Failure::other)?;
    let bearer = identity.filter(|_| *authenticated).map(bearer);
    let http = ambient.http.clone();
    Telemetry::start(connection, *ratio, instance.clone(), http, bearer)
        .map(Some)
        .map_err(Failure::other)
}

/// Tokens of the managed identity for ingestion (Microsoft Learn, "Microsoft
/// Entra authentication for Application Insights").
fn bearer(identity: Arc<dyn TokenCredential>) -> Bearer {
    Bearer::new(move || {
        let identity = identity.clone();
        async move {
            let scope = "https://monitor.azure.com/.default";
            let token = identity.get_token(&[scope], None).await.ok()?;
            Some(SecretString::from(token.token.secret().to_owned()))
        }
    })
}

/// Waits to be asked to end, and answers the exit code for it: 128 and the
/// number of the signal, as shells give it for a process that a signal ended.
/// Zero it never is: the Functions host starts nothing in place of a handler
/// that left with it (azure-functions-host, `WorkerProcess.cs`). That host
/// kills and asks nobody, but what stops its container may ask.
#[cfg(unix)]
async fn asked_to_end() -> ExitCode {
    use tokio::signal::unix::{SignalKind, signal};
    match (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => ExitCode::from(128 + 15),
                _ = interrupt.recv() => ExitCode::from(128 + 2),
            }
        }
        _ => std::future::pending().await,
    }
}

/// The same where there are no signals but Ctrl-C.
#[cfg(not(unix))]
async fn asked_to_end() -> ExitCode {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    ExitCode::from(130)
}

pub(super) fn serve() -> Result<ExitCode, Failure> {
    let ambient = ambient()?;
    let (settings, warnings) = Settings::load(&ProcessEnvironment, false)
        .map_err(|faults| all_faults(faults, &ambient))?;
    runtime()?.block_on(async {
        let telemetry = telemetry(&settings, &ambient)?;
        log_as_json(&settings.log, telemetry.as_ref());
        for warning in warnings {
            tracing::warn!("{warning}");
        }
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
        let serving = async {
            let served = axum::serve(listener, service).await;
            served.map(|()| ExitCode::FAILURE).map_err(Failure::other)
        };
        let Some(telemetry) = telemetry else {
            return serving.await;
        };
        // Crash-only, but what was seen until now is worth three seconds.
        let outcome = tokio::select! {
            served = serving => served,
            code = asked_to_end() => Ok(code),
        };
        telemetry.stop().await;
        outcome
    })
}
