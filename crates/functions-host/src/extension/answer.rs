use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::body::{Body, BoxError, empty};
use crate::json;

/// A JSON-RPC error's code and message.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RpcError {
    pub(super) code: i32,
    pub(super) message: String,
}

impl RpcError {
    /// Invalid params, -32602.
    pub(super) fn invalid_params(message: String) -> Self {
        Self {
            code: -32602,
            message,
        }
    }

    /// Any fault that the extension did not foresee; details stay hidden.
    pub(super) fn internal() -> Self {
        Self {
            code: -32603,
            message: "An error occurred.".to_owned(),
        }
    }

    /// Method not found, -32601.
    pub(super) fn unknown_method(method: &str) -> Self {
        Self {
            code: -32601,
            message: format!("Method '{method}' is not available."),
        }
    }
}

/// A JSON-RPC answer; the members in the order in which the SDK writes them.
#[derive(Debug, Serialize)]
struct RpcAnswer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RpcError>,
    id: &'a RawValue,
    jsonrpc: &'static str,
}

fn text(outcome: Result<&RawValue, &RpcError>, id: &RawValue) -> String {
    let answer = RpcAnswer {
        result: outcome.ok(),
        error: outcome.err(),
        id,
        jsonrpc: "2.0",
    };
    json::escaped(&serde_json::to_string(&answer).unwrap_or_default())
}

/// The answer to a request: one event with one line of data, and the headers
/// of a stream.
pub(super) fn event(outcome: Result<&RawValue, &RpcError>, id: &RawValue) -> Response<Body> {
    stream(chunked(event_text(outcome, id)))
}

/// An answer as an event.
pub(super) fn event_text(outcome: Result<&RawValue, &RpcError>, id: &RawValue) -> String {
    format!("event: message\ndata: {}\n\n", text(outcome, id))
}

/// `body` with the headers of a stream.
pub(super) fn stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    set_stream_headers(response.headers_mut());
    response
}

/// What the extension sends when it fails after it has decided to stream.
pub(super) fn broken_event() -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    set_stream_headers(response.headers_mut());
    response
}

/// To notifications and responses: 202, nothing more.
pub(super) fn accepted() -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    set_stream_headers(response.headers_mut());
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

/// A refusal before any message was read: -32000, with an empty id.
pub(super) fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    let error = RpcError {
        code: -32000,
        message: message.to_owned(),
    };
    let id = RawValue::from_string("\"\"".to_owned()).unwrap_or_default();
    let mut response = Response::new(chunked(text(Err(&error), &id)));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    response
}

fn set_stream_headers(headers: &mut HeaderMap) {
    let values = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache,no-store"),
        (header::CONTENT_ENCODING, "identity"),
        (header::CONNECTION, "keep-alive"),
    ];
    for (name, value) in values {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// A body without a declared length, so that it goes out in chunks.
pub(super) fn chunked(text: String) -> Body {
    let frame = Ok::<_, BoxError>(Frame::data(Bytes::from(text)));
    BodyExt::boxed_unsync(StreamBody::new(futures::stream::iter([frame])))
}
