//! The door of clients that speak MCP 2024-11-05 over server-sent events: a
//! stream by `GET …/sse`, messages to it by `POST …/message`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::answer::{self, RpcError};
use super::call::{ClientInfo, Transport};
use super::client_state::{self, ClientStates};
use super::message::{Message, Unreadable};
use super::methods::{Methods, client_info};
use super::spelling;
use crate::body::{Body, BoxError, status};

/// The name of this door in payloads.
const NAME: &str = "http-sse";

/// How often the server asks whether the client is still there.
const PING: Duration = Duration::from_secs(25);

/// Streams that are remembered, the closed ones too; the oldest are forgotten.
const REMEMBERED: usize = 4096;

/// Events that wait for a client to read them.
const WAITING: usize = 256;

/// The streams.
#[derive(Debug)]
pub(super) struct LegacyDoor {
    streams: Mutex<VecDeque<Arc<Stream>>>,
    clients: Arc<ClientStates>,
}

#[derive(Debug)]
struct Stream {
    client: String,
    /// Those of the request that opened it: tools never see a message's own.
    headers: Vec<(String, String)>,
    client_info: OnceLock<ClientInfo>,
    events: mpsc::Sender<String>,
}

impl LegacyDoor {
    pub(super) fn new(clients: Arc<ClientStates>) -> Self {
        Self {
            streams: Mutex::default(),
            clients,
        }
    }

    /// Answers `…/sse`: the stream, which begins with where to send messages.
    /// A key that came in any form goes into that address.
    pub(super) async fn open(&self, request: Request<Incoming>) -> Response<Body> {
        if request.method() != Method::GET {
            return status(StatusCode::METHOD_NOT_ALLOWED);
        }
        let (parts, _) = request.into_parts();
        let in_header = parts.headers.get("x-functions-key");
        let key = in_header
            .and_then(|value| value.to_str().ok().map(str::to_owned))
            .or_else(|| query(&parts.uri, "code"))
            .map(|key| format!("&code={key}"));
        let (events, waiting) = mpsc::channel(WAITING);
        let (state, name) = self.clients.issue();
        let stream = Arc::new(Stream {
            client: state.client,
            headers: spelling::headers(&parts).await,
            client_info: OnceLock::new(),
            events,
        });
        let first = format!(
            "event: endpoint\ndata: message?azmcpcs={name}{}\n\n",
            key.unwrap_or_default()
        );
        tokio::spawn(ping(stream.events.clone()));
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        if streams.len() == REMEMBERED {
            streams.pop_front();
        }
        streams.push_back(stream);
        drop(streams);
        answer::stream(body(first, waiting))
    }

    /// Takes a message to `…/message`. What there is to say comes on the
    /// stream.
    pub(super) fn take(
        &self,
        method: &Method,
        uri: &Uri,
        read: Option<&Bytes>,
        methods: Methods,
    ) -> Response<Body> {
        if method != Method::POST {
            return status(StatusCode::INTERNAL_SERVER_ERROR);
        }
        let Some(state) = query(uri, "azmcpcs") else {
            return reconnect("Missing service context.");
        };
        let state = match self.clients.read(&state) {
            Ok(state) => state,
            Err(client_state::Unreadable::Malformed) => return reconnect("Invalid client state."),
            Err(client_state::Unreadable::Foreign) => {
                return status(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        let message = match read.map(|body| Message::read(body)) {
            Some(Ok(message)) => message,
            Some(Err(Unreadable::Null)) => return refusal("No message in request body."),
            Some(Err(Unreadable::Broken)) | None => {
                return status(StatusCode::INTERNAL_SERVER_ERROR);
            }
        };
        let stream = self.find(&state.client);
        let is_open = |stream: &Arc<Stream>| !stream.events.is_closed();
        match (stream.filter(is_open), message) {
            (Some(stream), Message::Request { id, method, params }) => {
                tokio::spawn(stream.say(methods, id, method, params));
                accepted()
            }
            (None, _) if self.clients.is_of_here(&state) => reconnect(&format!(
                "No active session for client '{}' and instance '{}'.",
                state.client, state.instance
            )),
            // Nothing follows. A message of another instance's client goes there,
            // and there is none here.
            (Some(_), Message::Silent) | (None, _) => accepted(),
        }
    }

    fn find(&self, client: &str) -> Option<Arc<Stream>> {
        let streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams
            .iter()
            .find(|stream| stream.client == client)
            .map(Arc::clone)
    }
}

impl Stream {
    async fn say(
        self: Arc<Self>,
        methods: Methods,
        id: Box<RawValue>,
        method: Option<String>,
        params: Option<Box<RawValue>>,
    ) {
        let outcome = match method.as_deref() {
            None => Err(RpcError::internal()),
            Some(method) => {
                if method == "initialize"
                    && let Some(info) = params.as_deref().and_then(client_info)
                {
                    self.client_info.get_or_init(|| info);
                }
                let transport = async || Transport {
                    name: NAME,
                    session_id: None,
                    client_info: self.client_info.get().cloned(),
                    headers: self.headers.clone(),
                };
                methods.answer(method, params.as_deref(), transport).await
            }
        };
        // The client may have gone.
        let _ = self
            .events
            .send(answer::event_text(outcome.as_deref(), &id))
            .await;
    }
}

async fn ping(events: mpsc::Sender<String>) {
    for id in 1_u64.. {
        tokio::time::sleep(PING).await;
        let ping = format!(
            "event: message\ndata: {{\"method\":\"ping\",\"id\":{id},\"jsonrpc\":\"2.0\"}}\n\n"
        );
        if events.send(ping).await.is_err() {
            return;
        }
    }
}

fn body(first: String, waiting: mpsc::Receiver<String>) -> Body {
    let rest = stream::unfold(waiting, |mut waiting| async {
        let event = waiting.recv().await?;
        Some((event, waiting))
    });
    let frames = stream::iter([first])
        .chain(rest)
        .map(|text| Ok::<_, BoxError>(Frame::data(Bytes::from(text))));
    BodyExt::boxed_unsync(StreamBody::new(frames))
}

fn query(uri: &Uri, name: &str) -> Option<String> {
    url::form_urlencoded::parse(uri.query()?.as_bytes())
        .find(|(other, _)| other == name)
        .map(|(_, value)| value.into_owned())
}

/// 202 and a word, in chunks like everything that Kestrel writes as it comes.
fn accepted() -> Response<Body> {
    let mut response = Response::new(answer::chunked("Accepted".to_owned()));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// 400, for whoever has no stream.
fn reconnect(reason: &str) -> Response<Body> {
    refusal(&format!(
        "{reason} Please connect to the /sse endpoint to initiate your session."
    ))
}

/// 400 and a JSON text.
fn refusal(text: &str) -> Response<Body> {
    let json = crate::json::escaped(&serde_json::Value::from(text).to_string());
    let mut response = Response::new(answer::chunked(json));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_client_is_asked_every_25_seconds_whether_it_is_there() {
        let (events, mut waiting) = mpsc::channel(1);
        tokio::spawn(ping(events));
        let early = tokio::time::timeout(Duration::from_secs(24), waiting.recv());
        assert!(early.await.is_err());
        let ping = waiting.recv().await.unwrap();
        assert_eq!(
            ping,
            "event: message\ndata: {\"method\":\"ping\",\"id\":1,\"jsonrpc\":\"2.0\"}\n\n"
        );
    }
}
