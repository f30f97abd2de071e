//! The OpenTelemetry providers, and the layers that feed them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_application_insights::Exporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use thiserror::Error;
use tokio::sync::oneshot;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, registry::Registry};

use super::identifiers::Identifiers;
use super::paths::WithoutPaths;
use super::transport::Transport;
use super::{Bearer, ConnectionString, ON};

/// How long the last batches may take when the process is asked to end.
const FAREWELL: Duration = Duration::from_secs(3);

/// Telemetry cannot be set up.
#[derive(Debug, Error)]
#[error("APPLICATIONINSIGHTS_CONNECTION_STRING: {0}")]
pub struct TelemetryError(String);

/// Telemetry that is collected and sent.
#[derive(Debug, Clone)]
pub struct Telemetry {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
    logs: SdkLoggerProvider,
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

impl Telemetry {
    /// Sends to where `connection` leads, `ratio` (0 to 1) of the traces.
    /// Must be called on the runtime that is to send. `instance` names this
    /// process among others.
    ///
    /// # Errors
    /// When the connection string is not one.
    pub fn start(
        connection: &ConnectionString,
        ratio: f64,
        instance: Option<String>,
        http: reqwest::Client,
        bearer: Option<Bearer>,
    ) -> Result<Self, TelemetryError> {
        let runtime = tokio::runtime::Handle::current();
        let transport = Transport::new(http, runtime, bearer);
        let exporter = Exporter::new_from_connection_string(connection.as_str(), transport)
            .map_err(|error| TelemetryError(error.to_string()))?;
        let resource = resource(instance);
        let traces = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_id_generator(Identifiers::default())
            .with_sampler(sampler(ratio))
            .with_batch_exporter(WithoutPaths(exporter.clone().with_sample_rate(ratio)))
            .build();
        let logs = SdkLoggerProvider::builder()
            .with_resource(resource.clone())
            .with_batch_exporter(exporter.clone())
            .build();
        let metrics = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(PeriodicReader::builder(exporter).build())
            .build();
        opentelemetry::global::set_meter_provider(metrics.clone());
        ON.store(true, Ordering::Relaxed);
        Ok(Self {
            traces,
            metrics,
            logs,
        })
    }

    /// The layers that collect spans and events: ours alone, since those of
    /// other crates may hold anything. Events as `log` has them.
    pub fn layers(&self, log: impl Filter<Registry> + Send + Sync + 'static) -> Vec<BoxedLayer> {
        let spans = tracing_opentelemetry::layer()
            .with_tracer(self.traces.tracer("entrada"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_level(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| {
                metadata.is_span() && *metadata.level() <= Level::INFO && is_ours(metadata)
            }));
        let events = OpenTelemetryTracingBridge::new(&self.logs).with_filter(log.and(filter_fn(
            |metadata| metadata.is_event() && is_ours(metadata),
        )));
        vec![boxed(spans), boxed(events)]
    }

    /// Sends what is waiting, for at most three seconds, and stops.
    pub async fn stop(self) {
        let Self {
            traces,
            metrics,
            logs,
        } = self;
        let farewells = [
            apart(move || traces.shutdown_with_timeout(FAREWELL)),
            apart(move || logs.shutdown_with_timeout(FAREWELL)),
            apart(move || metrics.shutdown_with_timeout(FAREWELL)),
        ];
        let all = futures::future::join_all(farewells);
        // Whatever has not been sent by then is lost: nobody is kept waiting.
        let _ = tokio::time::timeout(FAREWELL, all).await;
    }
}

/// Takes `ratio` of the traces. Never by the parent: the host's flags are not
/// ours.
fn sampler(ratio: f64) -> Sampler {
    Sampler::TraceIdRatioBased(ratio)
}

/// Does `work` on a thread that the end of the process does not wait for, as
/// it would for one of the runtime's: the SDK goes on trying for longer than
/// it was given.
fn apart(work: impl FnOnce() -> OTelSdkResult + Send + 'static) -> oneshot::Receiver<()> {
    let (done, ended) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody is left to tell when it fails, or when nobody listens.
        let _ = work();
        let _ = done.send(());
    });
    ended
}

fn boxed<S: Subscriber + for<'a> LookupSpan<'a>>(
    layer: impl Layer<S> + Send + Sync,
) -> Box<dyn Layer<S> + Send + Sync> {
    Box::new(layer)
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target == "entrada" || target.starts_with("entrada::") || target.starts_with("entrada_")
}

fn resource(instance: Option<String>) -> Resource {
    let mut attributes = vec![KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))];
    attributes.extend(instance.map(|name| KeyValue::new("service.instance.id", name)));
    Resource::builder()
        .with_service_name("entrada")
        .with_attributes(attributes)
        .build()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use entrada_ambient::{Random, SystemClock};
    use http::Request;
    use opentelemetry::trace::{SpanKind, TraceId};
    use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample as _};
    use tower::ServiceExt as _;
    use uuid::Uuid;

    use super::*;
    use crate::context::{CORRELATION_ID, Surroundings, surround};

    /// The same numbers each time (`SplitMix64`).
    #[derive(Debug, Default)]
    struct Seeded(AtomicU64);

    impl Random for Seeded {
        fn fill(&self, bytes: &mut [u8]) {
            for chunk in bytes.chunks_mut(8) {
                let step = 0x9e37_79b9_7f4a_7c15;
                let mut number = self.0.fetch_add(step, Ordering::Relaxed);
                number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                let number = (number ^ (number >> 31)).to_be_bytes();
                chunk.copy_from_slice(&number[..chunk.len()]);
            }
        }
    }

    /// The traces of requests that come without one.
    async fn traces(count: u32) -> Vec<TraceId> {
        let surroundings = Surroundings {
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(Seeded::default()),
        };
        let router = Router::new()
            .route("/", get(async || {}))
            .layer(from_fn_with_state(surroundings, surround));
        let mut traces = Vec::new();
        for _ in 0..count {
            let request = Request::get("/").body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).await.unwrap();
            let id = answer.headers()[CORRELATION_ID].to_str().unwrap();
            traces.push(TraceId::from_bytes(
                Uuid::parse_str(id).unwrap().into_bytes(),
            ));
        }
        traces
    }

    #[tokio::test]
    async fn of_the_traces_that_begin_here_as_many_are_taken_as_the_ratio_says() {
        const COUNT: u32 = 4_000;
        let traces = traces(COUNT).await;
        for ratio in [0.1, 0.25, 0.5, 0.75, 0.9] {
            let sampler = sampler(ratio);
            let is_taken = |id: &&TraceId| {
                let kind = SpanKind::Server;
                let result = sampler.should_sample(None, **id, "request", &kind, &[], &[]);
                result.decision == SamplingDecision::RecordAndSample
            };
            let taken = u32::try_from(traces.iter().filter(is_taken).count()).unwrap();
            let share = f64::from(taken) / f64::from(COUNT);
            assert!((share - ratio).abs() < 0.03, "{share} of {ratio}");
        }
    }
}
