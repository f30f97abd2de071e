use std::sync::Arc;

use bytes::Bytes;
use entrada_ambient::{Clock, Random};
use futures::stream;
use http::Request;
use http::header::{self, HeaderValue};
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::Frame;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::payload::{Payload, Sys};
use super::result::InvocationResult;
use crate::body::{Body, BoxError};
use crate::error::InvocationError;
use crate::handler::{FunctionTimeout, StateWatch};
use crate::identity::{HOST_VERSION, HOST_VERSION_HEADER, INVOCATION_ID_HEADER, invocation_id};
use crate::proxy::HandlerConnector;

/// Largest answer to a wrapped invocation that is read.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// Sends wrapped invocations to the handler.
#[derive(Debug)]
pub(crate) struct Invoker {
    client: Client<HandlerConnector, Body>,
    port: u16,
    state: StateWatch,
    timeout: FunctionTimeout,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Invoker {
    /// An invoker of the handler that listens on `port`.
    pub(crate) fn new(
        port: u16,
        state: StateWatch,
        timeout: FunctionTimeout,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build(HandlerConnector::impatient(port)),
            port,
            state,
            timeout,
            clock,
            random,
        }
    }

    pub(crate) fn sys(&self, function: &str) -> Sys {
        Sys::new(function, self.clock.as_ref(), self.random.as_ref())
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// `POST /{function}` with `payload`; waits until the handler is ready.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        payload: &Payload,
    ) -> Result<InvocationResult, InvocationError> {
        self.state
            .wait_to_invoke()
            .await
            .map_err(InvocationError::Unavailable)?;
        let exchange = self.exchange(function, payload);
        let ended = self.timeout.within(function, exchange).await;
        let (result, _) = ended.map_err(|error| InvocationError::Unavailable(error.to_string()))?;
        let result = result?;
        for line in &result.logs {
            tracing::info!(target: "handler", function, "{line}");
        }
        Ok(result)
    }

    async fn exchange(
        &self,
        function: &str,
        payload: &Payload,
    ) -> Result<InvocationResult, InvocationError> {
        let request = self
            .request(function, payload)
            .map_err(InvocationError::Exchange)?;
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| InvocationError::Exchange(error.into()))?;
        // The host follows redirects here, with a GET: no function answers
        // that sensibly, so it counts as a failure.
        if !response.status().is_success() {
            return Err(InvocationError::Status(response.status()));
        }
        let content_type = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT)
            .collect()
            .await
            .map_err(InvocationError::Exchange)?
            .to_bytes();
        InvocationResult::read(&content_type, &body)
    }

    fn request(&self, function: &str, payload: &Payload) -> Result<Request<Body>, BoxError> {
        let text = serde_json::to_vec(payload)?;
        // .NET does not know the length beforehand and sends chunks.
        let frame = Ok::<_, BoxError>(Frame::data(Bytes::from(text)));
        let body = BodyExt::boxed_unsync(StreamBody::new(stream::iter([frame])));
        Ok(
            Request::post(format!("http://127.0.0.1:{}/{function}", self.port))
                .header(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json; charset=utf-8"),
                )
                .header(
                    header::USER_AGENT,
                    format!("Azure-Functions-Host/{HOST_VERSION}"),
                )
                .header(HOST_VERSION_HEADER, HOST_VERSION)
                .header(INVOCATION_ID_HEADER, invocation_id(self.random.uuid_v4()))
                .body(body)?,
        )
    }
}
