//! Requests to the service: addresses, headers, the way there and back.

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::{ACCEPT, CONTENT_TYPE, HeaderName};
use azure_core::http::policies::Policy;
use azure_core::http::{
    ClientOptions, Context, ExponentialRetryOptions, Method, Pipeline, PipelineSendOptions,
    RawResponse, Request, RetryOptions, Transport,
};
use entrada_ambient::upstream_span;
use entrada_managed_identity::Deadline;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use tracing::Instrument as _;
use url::Url;

use super::tries::{DoubtfulTries, WatchTries};
use super::{entity, fault};
use crate::{ETag, TableError, validate};

/// The version of the service's protocol: the one since which nothing that is
/// used here has changed.
const API_VERSION: &str = "2019-02-02";

/// Longest time that one request takes, its retries included, tokens not.
/// Retries end after 8 s; the rest is for the last of them.
const LIMIT: Duration = Duration::from_secs(15);

const X_MS_VERSION: HeaderName = HeaderName::from_static("x-ms-version");
const DATA_SERVICE_VERSION: HeaderName = HeaderName::from_static("dataserviceversion");
const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(super) const ERROR_CODE: HeaderName = HeaderName::from_static("x-ms-error-code");
const ETAG: HeaderName = HeaderName::from_static("etag");

/// What row data is asked for and sent as.
pub(super) const JSON: &str = "application/json;odata=minimalmetadata";

/// One storage account's table service.
#[derive(Debug)]
pub(super) struct Service {
    /// The address, without a slash at the end.
    base: String,
    pipeline: Pipeline,
    deadline: Deadline,
}

/// Ends requests that the service leaves without an answer.
pub(super) fn deadline() -> Deadline {
    Deadline::new(LIMIT)
}

/// An answer, with whether tries before it may have had their effect.
pub(super) struct Answer {
    pub(super) response: RawResponse,
    pub(super) in_doubt: bool,
}

impl Service {
    /// The service at `base`; `authorize` runs before every try. What it
    /// fetches does not count where `deadline` knows of it.
    pub(super) fn new(
        base: &Url,
        transport: Transport,
        authorize: Arc<dyn Policy>,
        deadline: Deadline,
    ) -> Self {
        let options = ClientOptions {
            transport: Some(transport),
            retry: RetryOptions::exponential(ExponentialRetryOptions {
                initial_delay: time::Duration::milliseconds(100),
                max_retries: 3,
                max_total_elapsed: time::Duration::seconds(8),
                max_delay: time::Duration::seconds(4),
            }),
            ..ClientOptions::default()
        };
        let per_try: Vec<Arc<dyn Policy>> = vec![authorize, Arc::new(WatchTries)];
        let pipeline = Pipeline::new(
            option_env!("CARGO_PKG_NAME"),
            option_env!("CARGO_PKG_VERSION"),
            options,
            Vec::new(),
            per_try,
            None,
        );
        Self {
            base: base.as_str().trim_end_matches('/').to_owned(),
            pipeline,
            deadline,
        }
    }

    /// The address of a row. Keys are quoted as `OData` wants and then encoded
    /// but for letters and digits.
    pub(super) fn row_url(&self, table: &str, partition: &str, row: &str) -> String {
        format!(
            "{}/{table}(PartitionKey='{}',RowKey='{}')",
            self.base,
            encoded(&partition.replace('\'', "''")),
            encoded(&row.replace('\'', "''"))
        )
    }

    /// The address `path` of the service.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// The address `path` with parameters.
    pub(super) fn url_with(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let query: Vec<String> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        format!("{}/{path}?{}", self.base, query.join("&"))
    }

    /// A request with the headers that all have.
    pub(super) fn request(method: Method, url: &str) -> Result<Request, TableError> {
        let url =
            Url::parse(url).map_err(|_| TableError::invalid("the row's address is not one"))?;
        let mut request = Request::new(url, method);
        request.insert_header(X_MS_VERSION, API_VERSION);
        request.insert_header(DATA_SERVICE_VERSION, "3.0;NetFx");
        request.insert_header(ACCEPT, JSON);
        Ok(request)
    }

    /// A request with a row or a table's name in it.
    pub(super) fn json_request(
        method: Method,
        url: &str,
        body: &Json,
    ) -> Result<Request, TableError> {
        let mut request = Self::request(method, url)?;
        request.insert_header(CONTENT_TYPE, "application/json");
        request.insert_header(PREFER, "return-no-content");
        request.set_body(entity::body(body.to_string(), validate::ROW_BYTES));
        Ok(request)
    }

    /// Sends a request, with retries, and answers whatever the service says.
    pub(super) async fn send(&self, mut request: Request) -> Result<Answer, TableError> {
        let context = Context::new().with_value(DoubtfulTries::default());
        let options = PipelineSendOptions {
            skip_checks: true,
            ..PipelineSendOptions::default()
        };
        let host = request.url().host_str().unwrap_or_default();
        let span = upstream_span("Azure Table Storage", request.method().as_str(), host);
        let sent = self
            .pipeline
            .send(&context, &mut request, Some(options))
            .instrument(span);
        let response = self
            .deadline
            .within(sent)
            .await
            .ok_or_else(|| TableError::unavailable("no answer in time"))?
            .map_err(|error| fault::unanswered(&error))?;
        Ok(Answer {
            response,
            in_doubt: context
                .value::<DoubtfulTries>()
                .is_some_and(DoubtfulTries::any),
        })
    }

    /// Sends a request that only reads; any answer but a success is an error.
    pub(super) async fn read(
        &self,
        table: &str,
        request: Request,
    ) -> Result<RawResponse, TableError> {
        let Answer { response, .. } = self.send(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(fault::answered(table, &response))
    }
}

/// `text` with everything but letters and digits percent-encoded.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The version that a write gave the row.
pub(super) fn etag(response: &RawResponse) -> Result<ETag, TableError> {
    let etag = response.headers().get_optional_str(&ETAG);
    etag.map(ETag::new)
        .ok_or_else(|| TableError::corrupt("a write was answered without an ETag"))
}

/// The body, read as JSON.
pub(super) fn json(response: &RawResponse) -> Result<Json, TableError> {
    serde_json::from_slice(response.body().as_ref())
        .map_err(|_| TableError::corrupt("an answer of the service is not JSON"))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use azure_core::http::headers::Headers;
    use azure_core::http::policies::PolicyResult;
    use azure_core::http::{AsyncRawResponse, StatusCode};

    use super::*;
    use crate::azure::tries;

    /// Says nothing of its own.
    #[derive(Debug)]
    struct Nobody;

    #[async_trait]
    impl Policy for Nobody {
        async fn send(
            &self,
            context: &Context,
            request: &mut Request,
            next: &[Arc<dyn Policy>],
        ) -> PolicyResult {
            tries::forward(context, request, next).await
        }
    }

    /// A network on which no answer ever comes.
    #[derive(Debug)]
    struct Silence;

    #[async_trait]
    impl Policy for Silence {
        async fn send(&self, _: &Context, _: &mut Request, _: &[Arc<dyn Policy>]) -> PolicyResult {
            std::future::pending().await
        }
    }

    /// A service that is busy and asks for an hour of patience.
    #[derive(Debug)]
    struct BusyForAnHour;

    #[async_trait]
    impl Policy for BusyForAnHour {
        async fn send(&self, _: &Context, _: &mut Request, _: &[Arc<dyn Policy>]) -> PolicyResult {
            let mut headers = Headers::new();
            headers.insert("retry-after", "3600");
            let status = StatusCode::ServiceUnavailable;
            Ok(AsyncRawResponse::from_bytes(status, headers, ""))
        }
    }

    /// How long `network` may keep a request waiting.
    #[expect(
        clippy::disallowed_methods,
        reason = "the time of the runtime, which stands still, is measured"
    )]
    async fn waited(network: Arc<dyn Policy>) -> Duration {
        let base = Url::parse("https://acc.table.core.windows.net").unwrap();
        let transport = Transport::with_policy(network);
        let service = Service::new(&base, transport, Arc::new(Nobody), deadline());
        let request = Service::request(Method::Get, &service.url("Tables")).unwrap();
        let started = tokio::time::Instant::now();
        let error = service.read("Tables", request).await.unwrap_err();
        assert!(matches!(error, TableError::Unavailable { .. }), "{error}");
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_never_answers_is_given_up() {
        assert_eq!(waited(Arc::new(Silence)).await.as_secs(), 15);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_does_not_decide_how_long_a_request_waits() {
        assert_eq!(waited(Arc::new(BusyForAnHour)).await.as_secs(), 15);
    }
}
