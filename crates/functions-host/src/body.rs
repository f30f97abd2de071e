//! The one type of body that this host sends, to clients and to the handler.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};

/// Any error; what it is tells the one who looks through its sources.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body of unknown origin, streamed.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// No body at all.
pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

/// A body that is there as a whole.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// `body`, which holds `what` for as long as there is more of it to come.
pub(crate) fn while_held(body: Body, what: impl Send + 'static) -> Body {
    body.map_frame(move |frame| {
        let _ = &what;
        frame
    })
    .boxed_unsync()
}

/// An answer that is its status alone.
pub(crate) fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = code;
    response
}
