use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::Sleep;

use crate::body::{Body, BoxError};

/// Notes that something moves in a request that is under way.
#[derive(Debug, Default, Clone)]
pub(super) struct Activity(Arc<Notify>);

impl Activity {
    /// `body`, each frame of which counts as activity.
    pub(super) fn watching<B>(&self, body: B) -> Body
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let activity = self.clone();
        body.map_frame(move |frame| {
            activity.0.notify_one();
            frame
        })
        .map_err(Into::into)
        .boxed_unsync()
    }
}

/// Awaits `answer`, for as long as no silence of `limit` occurs before it.
pub(super) async fn until_silent<F: Future>(
    answer: F,
    activity: &Activity,
    limit: Duration,
) -> Option<F::Output> {
    let mut answer = std::pin::pin!(answer);
    loop {
        tokio::select! {
            biased;
            output = &mut answer => return Some(output),
            () = activity.0.notified() => {}
            () = tokio::time::sleep(limit) => return None,
        }
    }
}

/// The stream said nothing for too long.
#[derive(Debug, thiserror::Error)]
#[error("no bytes for {0:?}")]
pub(super) struct TooQuiet(Duration);

/// A body that fails after a silence of `limit`.
pub(super) struct QuietBody<B> {
    body: B,
    limit: Duration,
    silence: Option<Pin<Box<Sleep>>>,
}

impl<B> QuietBody<B> {
    pub(super) fn new(body: B, limit: Duration) -> Self {
        Self {
            body,
            limit,
            silence: None,
        }
    }
}

impl<B> HttpBody for QuietBody<B>
where
    B: HttpBody<Data = Bytes, Error = BoxError> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.silence = None;
            return Poll::Ready(frame);
        }
        let limit = self.limit;
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        match silence.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(Box::new(TooQuiet(limit))))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use http_body_util::StreamBody;

    use super::*;

    const LIMIT: Duration = Duration::from_mins(4);

    fn ticking(every: Duration, count: usize) -> Body {
        let ticks = futures::stream::iter(0..count)
            .then(move |_| async move {
                tokio::time::sleep(every).await;
                Ok::<_, BoxError>(Frame::data(Bytes::from_static(b"x")))
            })
            .chain(futures::stream::pending());
        BodyExt::boxed_unsync(StreamBody::new(ticks))
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_may_go_on_as_long_as_it_speaks() {
        let mut body = QuietBody::new(ticking(Duration::from_secs(200), 5), LIMIT);
        for _ in 0..5 {
            assert!(body.frame().await.unwrap().is_ok());
        }
        let error = body.frame().await.unwrap().unwrap_err();
        assert!(error.is::<TooQuiet>());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_awaited_as_long_as_the_request_moves() {
        let activity = Activity::default();
        let mut upload = activity.watching(ticking(Duration::from_secs(200), 3));
        let slow = async {
            for _ in 0..3 {
                assert!(upload.frame().await.is_some());
            }
            tokio::time::sleep(Duration::from_secs(200)).await;
        };
        assert!(until_silent(slow, &activity, LIMIT).await.is_some());
        let never = futures::future::pending::<()>();
        assert!(until_silent(never, &activity, LIMIT).await.is_none());
    }
}
