//! `entrada serve`: the server itself.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::ListenerExt;
use azure_core::credentials::TokenCredential;
use entrada_ambient::{NetworkOptions, ProcessEnvironment, SystemClock, SystemRandom, http_client};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::app::{Ambient, App, identity, policy_fault};
use crate::config::{Settings, SettingsFaults, TelemetrySettings};
use crate::log_filter::log_filter;
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
fn log_as_json(filter: &str, telemetry: Option<&Telemetry>) -> Result<(), Failure> {
    let fault = |error| Failure(format!("ENTRADA_LOG: {error}"));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(std::io::stdout)
        .with_filter(log_filter(filter).map_err(fault)?);
    match telemetry {
        None => tracing_subscriber::registry().with(lines).init(),
        Some(telemetry) => {
            let mut layers = telemetry.layers(log_filter(filter).map_err(fault)?);
            layers.push(lines.boxed());
            tracing_subscriber::registry().with(layers).init();
        }
    }
    Ok(())
}

/// The faults of the settings, and those of the policy that they name.
fn all_faults(mut faults: SettingsFaults) -> Failure {
    if let Some((name, what)) = policy_fault(&ProcessEnvironment) {
        faults.note(name, what);
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

/// Being asked to end, where somebody asks: the Functions host never does, and
/// kills.
#[cfg(unix)]
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    match (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}

/// The same where there are no signals but Ctrl-C.
#[cfg(not(unix))]
async fn asked_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

pub(super) fn serve() -> Result<(), Failure> {
    let (settings, warnings) = Settings::load(&ProcessEnvironment, false).map_err(all_faults)?;
    let ambient = ambient()?;
    runtime()?.block_on(async {
        let telemetry = telemetry(&settings, &ambient)?;
        log_as_json(&settings.log, telemetry.as_ref())?;
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
        let serving = async { axum::serve(listener, service).await };
        let Some(telemetry) = telemetry else {
            return serving.await.map_err(Failure::other);
        };
        // Crash-only, but what was seen until now is worth three seconds.
        let outcome = tokio::select! {
            served = serving => served.map_err(Failure::other),
            () = asked_to_end() => Ok(()),
        };
        telemetry.stop().await;
        outcome
    })
}
