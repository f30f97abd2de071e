//! Waiting for what a server that has just started is still loading.
//!
//! The Functions host takes any answer of `/` for readiness
//! (azure-functions-host, `DefaultHttpWorkerService.IsWorkerReady`) and forwards
//! at once the request that it started the instance for. What that request needs
//! is not there *yet*: it waits here, and 503 is left for what *cannot* be had.

use std::time::Duration;

use tokio::sync::SetOnce;
use tokio::time::timeout;

/// How long a request waits. A managed identity that answers at all does so
/// within five seconds, and the host waits for an answer for minutes.
const PATIENCE: Duration = Duration::from_secs(8);

/// The first try to load something, as those see it who need it.
#[derive(Debug)]
pub(crate) struct FirstLoad {
    tried: SetOnce<()>,
    patience: Duration,
}

impl Default for FirstLoad {
    /// One that requests wait for.
    fn default() -> Self {
        Self::within(PATIENCE)
    }
}

impl FirstLoad {
    /// One that is waited for so long at most.
    pub(crate) fn within(patience: Duration) -> Self {
        Self {
            tried: SetOnce::new(),
            patience,
        }
    }

    /// One that there is nothing to wait for.
    pub(crate) fn none() -> Self {
        Self {
            tried: SetOnce::new_with(Some(())),
            patience: Duration::ZERO,
        }
    }

    /// It has been tried, well or not: nobody waits any more.
    pub(crate) fn settle(&self) {
        // Whoever was first has let them all go.
        let _ = self.tried.set(());
    }

    /// Waits until it has been tried. Where that takes too long it counts as
    /// tried, so that an outage without an answer holds up the first requests
    /// alone. Once it has been tried this is one atomic load.
    pub(crate) async fn settled(&self) {
        if self.tried.initialized() {
            return;
        }
        if timeout(self.patience, self.tried.wait()).await.is_err() {
            self.settle();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_needs_it_waits_until_it_has_been_tried_and_no_longer() {
        let first = FirstLoad::default();
        let mut waits = [Box::pin(first.settled()), Box::pin(first.settled())];
        assert_eq!(waits[0].as_mut().now_or_never(), None);
        assert_eq!(waits[1].as_mut().now_or_never(), None);
        first.settle();
        for wait in waits {
            assert_eq!(wait.now_or_never(), Some(()));
        }
        first.settle();
        assert_eq!(first.settled().now_or_never(), Some(()));
        assert_eq!(FirstLoad::none().settled().now_or_never(), Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_that_does_not_end_holds_up_the_first_requests_alone() {
        let first = FirstLoad::within(Duration::from_secs(3));
        let mut wait = Box::pin(first.settled());
        let almost = timeout(Duration::from_millis(2_900), &mut wait).await;
        assert!(almost.is_err());
        let over = timeout(Duration::from_millis(200), wait).await;
        assert!(over.is_ok());
        assert_eq!(first.settled().now_or_never(), Some(()));
    }
}
