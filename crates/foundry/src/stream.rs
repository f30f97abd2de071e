use std::collections::VecDeque;
use std::fmt::{self, Debug, Formatter};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use eventsource_stream::{Event, EventStream, EventStreamError};
use futures::stream::{BoxStream, StreamExt, try_unfold};
use futures::{Stream, TryStreamExt};
use tokio::time::{Sleep, sleep, timeout};

use crate::error::{FoundryError, UnavailableCause, Wait};
use crate::event::{ResponseEvent, Sequenced};
use crate::lines::LineCutter;
use crate::translate::Translator;

/// How long the end of the body is waited for after the last event, so that
/// the connection can be used again.
const DRAIN: Duration = Duration::from_millis(20);

/// The events of one response. Ends after the terminal event, or with the
/// first error; a stream that the service ends without a terminal event ends
/// in [`FoundryError::Protocol`]. Dropping it closes the connection, which ends a
/// response that is not made in the background and no other (`OpenAI` guide
/// "Background mode", on synchronous responses; [`crate::Foundry::cancel`]).
pub struct ResponseStream(BoxStream<'static, Result<Sequenced<ResponseEvent>, FoundryError>>);

impl ResponseStream {
    /// Reads `bytes` as an event stream (HTML Living Standard, "Server-sent
    /// events").
    pub(crate) fn new<S>(
        bytes: S,
        translator: Translator,
        deadline: Deadline,
        idle_timeout: Duration,
    ) -> Self
    where
        S: Stream<Item = Result<Bytes, reqwest::Error>> + Send + 'static,
    {
        Self::reading(Reader {
            events: Some(EventStream::new(lines(bytes.boxed(), idle_timeout)).boxed()),
            translator,
            deadline: Some(deadline),
        })
    }

    /// The events of an answer that was read whole.
    pub(crate) fn of(translator: Translator) -> Self {
        Self::reading(Reader {
            events: None,
            translator,
            deadline: None,
        })
    }

    fn reading(reader: Reader) -> Self {
        Self(try_unfold(reader, Reader::next).boxed())
    }
}

impl Stream for ResponseStream {
    type Item = Result<Sequenced<ResponseEvent>, FoundryError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl Debug for ResponseStream {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ResponseStream")
            .finish_non_exhaustive()
    }
}

/// The moment until which the first event must have come.
pub(crate) struct Deadline(Pin<Box<Sleep>>);

impl Deadline {
    pub(crate) fn after(duration: Duration) -> Self {
        Self(Box::pin(sleep(duration)))
    }

    /// # Errors
    /// What `work` comes to, or [`FoundryError::Timeout`].
    pub(crate) async fn limit<T>(
        &mut self,
        work: impl Future<Output = Result<T, FoundryError>>,
    ) -> Result<T, FoundryError> {
        tokio::select! {
            biased;
            outcome = work => outcome,
            () = self.0.as_mut() => Err(FoundryError::Timeout { what: Wait::FirstEvent }),
        }
    }
}

type Events = BoxStream<'static, Result<Event, EventStreamError<FoundryError>>>;

struct Reader {
    events: Option<Events>,
    translator: Translator,
    /// Until the first event.
    deadline: Option<Deadline>,
}

impl Reader {
    async fn next(mut self) -> Result<Option<(Sequenced<ResponseEvent>, Self)>, FoundryError> {
        loop {
            if let Some(event) = self.translator.next() {
                return Ok(Some((event?, self)));
            }
            if self.translator.is_finished() {
                self.drain().await;
                return Ok(None);
            }
            let Some(event) = self.read().await? else {
                return Err(FoundryError::Protocol {
                    reason: "a stream that ended without a terminal event",
                });
            };
            self.translator.accept(&event.event, &event.data);
        }
    }

    async fn read(&mut self) -> Result<Option<Event>, FoundryError> {
        let Some(events) = &mut self.events else {
            return Ok(None);
        };
        let next = async {
            events.try_next().await.map_err(|error| match error {
                EventStreamError::Transport(error) => error,
                // Neither is kept as a source: both quote the stream.
                EventStreamError::Utf8(_) | EventStreamError::Parser(_) => FoundryError::Protocol {
                    reason: "bytes that are not an event stream",
                },
            })
        };
        match self.deadline.take() {
            Some(mut deadline) => deadline.limit(next).await,
            None => next.await,
        }
    }

    async fn drain(&mut self) {
        if let Some(mut events) = self.events.take() {
            let rest = async { while let Some(Ok(_)) = events.next().await {} };
            let _ = timeout(DRAIN, rest).await;
        }
    }
}

/// The lines of `bytes`, with a limit on silence.
fn lines(
    bytes: BoxStream<'static, Result<Bytes, reqwest::Error>>,
    idle_timeout: Duration,
) -> BoxStream<'static, Result<String, FoundryError>> {
    let state = (bytes, LineCutter::default(), VecDeque::new());
    try_unfold(
        state,
        move |(mut bytes, mut cutter, mut lines)| async move {
            while lines.is_empty() {
                let next = timeout(idle_timeout, bytes.try_next()).await;
                let next = next.map_err(|_| FoundryError::Timeout {
                    what: Wait::NextEvent,
                })?;
                let Some(chunk) = next.map_err(broken)? else {
                    return Ok(None);
                };
                cutter.push(&chunk, &mut lines)?;
            }
            Ok(lines.pop_front().map(|line| (line, (bytes, cutter, lines))))
        },
    )
    .boxed()
}

fn broken(error: reqwest::Error) -> FoundryError {
    if error.is_timeout() {
        return FoundryError::Timeout {
            what: Wait::NextEvent,
        };
    }
    FoundryError::Unavailable {
        source: UnavailableCause::Transport(error.without_url()),
    }
}
