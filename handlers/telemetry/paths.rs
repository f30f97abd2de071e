//! What spans carry for the log alone.

use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// The field of a request's span that no exporter sees: paths hold ids, and
/// whatever somebody asked for that is not there.
const PATH: &str = "path";

/// Exports spans without the paths of requests.
#[derive(Debug)]
pub(super) struct WithoutPaths<E>(pub(super) E);

impl<E: SpanExporter> SpanExporter for WithoutPaths<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        for span in &mut batch {
            span.attributes
                .retain(|attribute| attribute.key.as_str() != PATH);
        }
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}
