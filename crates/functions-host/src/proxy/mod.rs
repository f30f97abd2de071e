//! HTTP functions: requests go to the handler and answers come back as they
//! are, streamed both ways (azure-functions-host, `DefaultHttpProxyService`,
//! which is YARP's `IHttpForwarder`).

mod connector;
mod headers;
mod silence;

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::Random;
use http::request::Parts;
use http::{Request, Response, StatusCode, Uri, Version, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::body::{Body, BoxError, empty, status};
pub(crate) use connector::HandlerConnector;
use silence::{Activity, until_silent};

/// Silence in both directions after which an exchange is given up
/// (`ForwarderRequestConfig.ActivityTimeout`).
const LONGEST_SILENCE: Duration = Duration::from_mins(4);

/// Largest request body, unless `FUNCTIONS_REQUEST_BODY_SIZE_LIMIT` says
/// otherwise.
pub(crate) const BODY_LIMIT: usize = 104_857_600;

/// Tries of a request, and the pauses between them (azure-functions-host,
/// `RetryProxyHandler`).
#[derive(Debug)]
struct Pauses(Duration);

const TRIES: u32 = 10;

impl Pauses {
    fn new() -> Self {
        Self(Duration::from_millis(50))
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(Duration::from_millis(250));
    }
}

/// Sends requests on to one handler.
#[derive(Debug)]
pub(crate) struct Proxy {
    once: Client<HandlerConnector, Body>,
    patient: Client<HandlerConnector, Body>,
    port: u16,
    body_limit: usize,
    random: Arc<dyn Random>,
}

impl Proxy {
    pub(crate) fn new(port: u16, body_limit: usize, random: Arc<dyn Random>) -> Self {
        let client = |connector| {
            Client::builder(TokioExecutor::new())
                .http1_preserve_header_case(true)
                .build(connector)
        };
        Self {
            once: client(HandlerConnector::impatient(port)),
            patient: client(HandlerConnector::patient(port)),
            port,
            body_limit,
            random,
        }
    }

    /// The handler's answer to `request`, or what the host answers instead:
    /// 413 for too large a body, 502 when the handler cannot be reached or
    /// breaks off, 504 after 240 s of silence. Dropping the returned future or
    /// body breaks the exchange with the handler off.
    pub(crate) async fn forward(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        if declared_length(&request).is_some_and(|length| length > self.body_limit as u64) {
            return status(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let (parts, body) = request.into_parts();
        let Some(parts) = self.outgoing(parts, peer) else {
            return status(StatusCode::BAD_REQUEST);
        };
        let activity = Activity::default();
        let answer = async {
            if body.is_end_stream() {
                self.repeat(parts).await
            } else {
                let body = Limited::new(activity.watching(body), self.body_limit);
                let request = Request::from_parts(parts, body.boxed_unsync());
                self.patient.request(request).await
            }
        };
        match until_silent(answer, &activity, LONGEST_SILENCE).await {
            Some(Ok(response)) => incoming(response),
            Some(Err(error)) => {
                tracing::warn!(%error, cause = error.source(), "the request could not be proxied");
                status(if is_too_large(&error) {
                    StatusCode::PAYLOAD_TOO_LARGE
                } else {
                    StatusCode::BAD_GATEWAY
                })
            }
            None => status(StatusCode::GATEWAY_TIMEOUT),
        }
    }

    /// A request without a body is sent again whatever went wrong, even when
    /// the handler ended while it worked on it. One with a body is sent again
    /// only while no connection was made, since its body is gone then.
    async fn repeat(
        &self,
        parts: Parts,
    ) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
        let mut pauses = Pauses::new();
        let mut tried = 0;
        loop {
            tried += 1;
            let request = Request::from_parts(parts.clone(), empty());
            match self.once.request(request).await {
                Err(_) if tried < TRIES => pauses.pause().await,
                outcome => return outcome,
            }
        }
    }

    fn outgoing(&self, mut parts: Parts, peer: IpAddr) -> Option<Parts> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = Uri::builder()
            .scheme("http")
            .authority(format!("127.0.0.1:{}", self.port))
            .path_and_query(path)
            .build()
            .ok()?;
        parts.version = Version::HTTP_11;
        headers::transform_request(&mut parts.headers, peer, self.random.as_ref());
        Some(parts)
    }
}

fn incoming(response: Response<Incoming>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    headers::remove_hop_by_hop(&mut parts.headers);
    let body = silence::QuietBody::new(body.map_err(BoxError::from), LONGEST_SILENCE);
    Response::from_parts(parts, body.boxed_unsync())
}

fn declared_length(request: &Request<Incoming>) -> Option<u64> {
    request
        .headers()
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}
