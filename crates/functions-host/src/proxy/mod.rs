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
use http::{Request, Response, StatusCode, Uri, Version, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::body::{Body, BoxError, status};
pub(crate) use connector::HandlerConnector;
use silence::{Activity, until_silent};

/// Silence in both directions after which an exchange is given up
/// (`ForwarderRequestConfig.ActivityTimeout`).
const LONGEST_SILENCE: Duration = Duration::from_mins(4);

/// Largest request body, unless `FUNCTIONS_REQUEST_BODY_SIZE_LIMIT` says
/// otherwise.
pub(crate) const BODY_LIMIT: usize = 104_857_600;

/// Sends requests on to one handler.
#[derive(Debug)]
pub(crate) struct Proxy {
    client: Client<HandlerConnector, Body>,
    port: u16,
    body_limit: usize,
    random: Arc<dyn Random>,
}

impl Proxy {
    pub(crate) fn new(port: u16, body_limit: usize, random: Arc<dyn Random>) -> Self {
        Self {
            client: Client::builder(TokioExecutor::new())
                .http1_preserve_header_case(true)
                .build(HandlerConnector::patient(port)),
            port,
            body_limit,
            random,
        }
    }

    /// The handler's answer to `request`, or what the host answers instead:
    /// 413 for too large a body, 502 when the handler cannot be reached, 504
    /// after 240 s of silence. Dropping the returned future or body breaks the
    /// exchange with the handler off.
    pub(crate) async fn forward(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        if declared_length(&request).is_some_and(|length| length > self.body_limit as u64) {
            return status(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let activity = Activity::default();
        let Some(request) = self.outgoing(request, peer, &activity) else {
            return status(StatusCode::BAD_REQUEST);
        };
        let answer = until_silent(self.client.request(request), &activity, LONGEST_SILENCE);
        match answer.await {
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

    fn outgoing(
        &self,
        request: Request<Incoming>,
        peer: IpAddr,
        activity: &Activity,
    ) -> Option<Request<Body>> {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = Uri::builder()
            .scheme("http")
            .authority(format!("127.0.0.1:{}", self.port))
            .path_and_query(path)
            .build()
            .ok()?;
        parts.version = Version::HTTP_11;
        headers::transform_request(&mut parts.headers, peer, self.random.as_ref());
        let body = Limited::new(activity.watching(body), self.body_limit);
        Some(Request::from_parts(parts, body.boxed_unsync()))
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
