//! Reads to its end what a request still has to say when it is answered.
//!
//! A client that keeps its connections sends headers and body in two writes.
//! An answer that is given before the body arrived (401, 404, 413) would make
//! the server close the connection behind it without having said so, and the
//! client's next request on that connection would be lost; a proxy that is
//! still sending answers 502 instead of what was said (RFC 9112, section 9.6).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, Version, header};
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::oneshot;

/// The most that is read and thrown away, in bytes: what the largest route
/// takes.
const MOST: usize = 16 * 1024 * 1024;

/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers a request by `answer` and reads what is left of its body, within bounds; where
/// those do not suffice, or the client waits for leave to send, the answer
/// says that the connection ends.
pub(crate) async fn drain<F, A>(request: Request, answer: F) -> Response
where
    F: FnOnce(Request) -> A,
    A: Future<Output = Response>,
{
    if request.body().is_end_stream() {
        return answer(request).await;
    }
    let keeps_alive = request.version() <= Version::HTTP_11;
    let waits = request.headers().contains_key(header::EXPECT);
    let (back, left) = oneshot::channel();
    let lend = |body| {
        Body::new(Lent {
            body,
            back: Some(back),
        })
    };
    let mut response = answer(request.map(lend)).await;
    let mut left = left;
    let Ok(rest) = left.try_recv() else {
        return response;
    };
    if (waits || !ended(rest).await) && keeps_alive {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// Whether the body came to its end within the bounds.
async fn ended(body: Body) -> bool {
    let reading = async {
        let mut read = 0;
        let mut frames = body.into_data_stream();
        while let Some(frame) = frames.next().await {
            read += frame.map_or(MOST, |bytes| bytes.len());
            if read >= MOST {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .unwrap_or_default()
}

/// A body that goes back, when it is dropped before its end.
struct Lent {
    body: Body,
    back: Option<oneshot::Sender<Body>>,
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.back = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            return;
        }
        if let Some(back) = self.back.take() {
            // Nobody takes it back when the answer is on its way already.
            let _ = back.send(std::mem::take(&mut self.body));
        }
    }
}
