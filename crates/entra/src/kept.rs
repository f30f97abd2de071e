//! A document of Entra that is fetched when needed, kept, and fetched again
//! in the background of its use.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use entrada_ambient::Clock;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

use crate::FetchError;
use crate::fetch::Chain;

/// Seconds before another attempt when an attempt failed and nothing usable
/// is in hand: short, since everyone waits.
const PAUSE_WITHOUT_DOCUMENT: i64 = 5;
/// Seconds before another attempt when an attempt failed but an older
/// document serves.
const PAUSE_WITH_DOCUMENT: i64 = 30;

/// Longest that a fetch, with its retries, may keep anyone waiting.
const FETCH_LIMIT: Duration = Duration::from_secs(10);

/// Where a document comes from.
#[async_trait]
pub(crate) trait Source: fmt::Debug + Send + Sync + 'static {
    /// What is fetched.
    type Document: Send + Sync + 'static;

    /// What to call it in logs.
    fn name(&self) -> &'static str;

    /// Fetches it once.
    async fn fetch(&self) -> Result<Self::Document, FetchError>;

    /// Turns a good answer to a request of `asked_at` into the document that
    /// takes the place of `previous`.
    fn adopt(
        &self,
        previous: Option<&Self::Document>,
        fetched: Self::Document,
        asked_at: i64,
    ) -> Self::Document;
}

/// How long a document serves, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Age from which it is fetched again, in the background.
    pub(crate) fresh: i64,
    /// Age from which it does not serve any more; `None`: it serves until a
    /// newer one comes.
    pub(crate) keep: Option<i64>,
}

/// A fetch under way, which any number of callers may wait for.
pub(crate) type Flight<D> = Shared<BoxFuture<'static, Result<Arc<D>, FetchError>>>;

struct State<D> {
    document: Option<Arc<D>>,
    fetched_at: i64,
    failure: Option<(i64, FetchError)>,
    flight: Option<Flight<D>>,
}

struct Inner<S: Source> {
    source: S,
    clock: Arc<dyn Clock>,
    policy: Policy,
    /// When [`Kept::touch`] has something to do; lets the hot path stay
    /// without a lock.
    due: AtomicI64,
    state: Mutex<State<S::Document>>,
}

/// A document that is kept, with one fetch at a time. A fetch runs as a task
/// of its own: a caller that goes away does not end it for the others.
pub(crate) struct Kept<S: Source>(Arc<Inner<S>>);

/// How fresh a kept document is.
pub(crate) struct Freshness<D> {
    pub(crate) document: Option<Arc<D>>,
    pub(crate) age: i64,
    pub(crate) failure: Option<FetchError>,
}

impl<S: Source> fmt::Debug for Kept<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Kept")
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl<S: Source> Kept<S> {
    pub(crate) fn new(source: S, policy: Policy, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            source,
            clock,
            policy,
            due: AtomicI64::new(i64::MAX),
            state: Mutex::new(State {
                document: None,
                fetched_at: 0,
                failure: None,
                flight: None,
            }),
        }))
    }

    /// The document: at once when one serves, else by a fetch. After a failed
    /// fetch the failure is repeated for some seconds without another one.
    pub(crate) async fn get(&self) -> Result<Arc<S::Document>, FetchError> {
        self.touch();
        let flight = {
            let mut state = self.0.lock();
            let now = self.0.clock.unix();
            if let Some(document) = self.0.serving(&state, now) {
                return Ok(document);
            }
            match &state.failure {
                Some((at, error)) if now - at < PAUSE_WITHOUT_DOCUMENT && now >= *at => {
                    return Err(error.clone());
                }
                _ => self.0.join(&mut state),
            }
        };
        flight.await
    }

    /// Fetches in the background if the document has become old.
    pub(crate) fn touch(&self) {
        let now = self.0.clock.unix();
        if now < self.0.due.load(Ordering::Relaxed) {
            return;
        }
        // Without a runtime there is nobody to run the task; the next caller
        // that has one starts it.
        if tokio::runtime::Handle::try_current().is_ok() {
            let mut state = self.0.lock();
            self.0
                .due
                .store(now + PAUSE_WITH_DOCUMENT, Ordering::Relaxed);
            drop(self.0.join(&mut state));
        }
    }

    /// Waits for the fetch that is under way, or starts one if `may_start`
    /// says so; `None` when there is none and none may start.
    pub(crate) fn refetch(&self, may_start: impl FnOnce() -> bool) -> Option<Flight<S::Document>> {
        let mut state = self.0.lock();
        (state.under_way().is_some() || may_start()).then(|| self.0.join(&mut state))
    }

    pub(crate) fn freshness(&self) -> Freshness<S::Document> {
        let state = self.0.lock();
        Freshness {
            document: state.document.clone(),
            age: (self.0.clock.unix() - state.fetched_at).max(0),
            failure: state.failure.as_ref().map(|(_, error)| error.clone()),
        }
    }
}

impl<D> State<D> {
    /// The fetch that has not ended yet. (One whose task panicked has ended.)
    fn under_way(&self) -> Option<&Flight<D>> {
        self.flight
            .as_ref()
            .filter(|flight| flight.peek().is_none())
    }
}

impl<S: Source> Inner<S> {
    fn lock(&self) -> MutexGuard<'_, State<S::Document>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serving(&self, state: &State<S::Document>, now: i64) -> Option<Arc<S::Document>> {
        let age = (now - state.fetched_at).max(0);
        let serves = self.policy.keep.is_none_or(|keep| age < keep);
        state.document.clone().filter(|_| serves)
    }

    fn join(self: &Arc<Self>, state: &mut State<S::Document>) -> Flight<S::Document> {
        if let Some(flight) = state.under_way() {
            return flight.clone();
        }
        let task = tokio::spawn(Arc::clone(self).fly());
        let flight = async move {
            task.await.unwrap_or(Err(FetchError::Unusable {
                reason: "the fetch was broken off",
            }))
        }
        .boxed()
        .shared();
        state.flight = Some(flight.clone());
        flight
    }

    async fn fly(self: Arc<Self>) -> Result<Arc<S::Document>, FetchError> {
        let asked_at = self.clock.unix();
        let answer = tokio::time::timeout(FETCH_LIMIT, self.source.fetch())
            .await
            .unwrap_or(Err(FetchError::TimedOut));
        let mut state = self.lock();
        state.flight = None;
        match answer {
            Ok(fetched) => {
                let document = Arc::new(self.source.adopt(
                    state.document.as_deref(),
                    fetched,
                    asked_at,
                ));
                state.document = Some(Arc::clone(&document));
                state.fetched_at = asked_at;
                state.failure = None;
                self.due
                    .store(asked_at + self.policy.fresh, Ordering::Relaxed);
                Ok(document)
            }
            Err(error) => {
                let now = self.clock.unix();
                tracing::warn!(
                    document = self.source.name(),
                    error = %Chain(&error),
                    "a document of Microsoft Entra ID could not be fetched"
                );
                state.failure = Some((now, error.clone()));
                if state.document.is_some() {
                    self.due.store(now + PAUSE_WITH_DOCUMENT, Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }
}
