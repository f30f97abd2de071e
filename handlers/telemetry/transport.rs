//! How batches leave: through the program's own HTTP client, on its runtime,
//! with an Entra token where ingestion wants one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use opentelemetry_http::{HttpClient, HttpError};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Handle;

/// How long one batch may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A token for `https://monitor.azure.com/.default`, when it can be had.
#[derive(Clone)]
pub struct Bearer(Arc<BearerSource>);

type BearerSource =
    dyn Fn() -> Pin<Box<dyn Future<Output = Option<SecretString>> + Send>> + Send + Sync;

impl Bearer {
    /// Asks `source` for each batch.
    pub fn new<F>(source: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<SecretString>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(source())))
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bearer").finish_non_exhaustive()
    }
}

/// Sends batches. The exporters' threads have no runtime of their own, so each
/// batch is sent on ours.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    http: reqwest::Client,
    runtime: Handle,
    bearer: Option<Bearer>,
    away: Arc<AtomicBool>,
}

impl Transport {
    pub(super) fn new(http: reqwest::Client, runtime: Handle, bearer: Option<Bearer>) -> Self {
        Self {
            http,
            runtime,
            bearer,
            away: Arc::default(),
        }
    }

    /// Says once when ingestion goes away, and once when it is back.
    fn note(&self, failed: Option<&str>) {
        let was_away = self.away.swap(failed.is_some(), Ordering::Relaxed);
        match failed {
            Some(reason) if !was_away => {
                tracing::warn!(
                    reason,
                    "telemetry cannot be sent; it is dropped until it can"
                );
            }
            None if was_away => tracing::info!("telemetry can be sent again"),
            _ => {}
        }
    }
}

/// Where batches with a token go: Microsoft's own SDKs send none to any other
/// version.
fn authenticated(address: String) -> String {
    match address.strip_suffix("/v2/track") {
        Some(base) => format!("{base}/v2.1/track"),
        None => address,
    }
}

#[async_trait]
impl HttpClient for Transport {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (http, bearer) = (self.http.clone(), self.bearer.clone());
        let sending = self.runtime.spawn(async move {
            let (mut parts, body) = request.into_parts();
            let mut address = parts.uri.to_string();
            if let Some(Bearer(source)) = bearer {
                let token = source().await.ok_or("there is no token for ingestion")?;
                address = authenticated(address);
                let text = format!("Bearer {}", token.expose_secret());
                let mut value = HeaderValue::try_from(text).map_err(Box::new)?;
                value.set_sensitive(true);
                parts.headers.insert(header::AUTHORIZATION, value);
            }
            let answer = http
                .request(parts.method, address)
                .headers(parts.headers)
                .timeout(LIMIT)
                .body(body)
                .send()
                .await
                .map_err(reqwest::Error::without_url)?;
            let status = answer.status();
            let body = answer.bytes().await.map_err(reqwest::Error::without_url)?;
            Response::builder()
                .status(status)
                .body(body)
                .map_err(HttpError::from)
        });
        let sent = sending.await.map_err(HttpError::from)?;
        match &sent {
            Ok(answer) if answer.status().is_success() => self.note(None),
            Ok(answer) => self.note(Some(answer.status().as_str())),
            Err(error) => self.note(Some(&error.to_string())),
        }
        sent
    }
}
