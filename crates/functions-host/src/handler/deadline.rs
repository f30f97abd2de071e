use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::supervisor::Orders;

/// How long invocations may take, and what becomes of the handler of one that
/// takes longer: it is killed, with everything else that it works on, and
/// started again, which does not count as a failure (azure-functions-host,
/// `WebScriptHostExceptionHandler.OnTimeoutExceptionAsync`).
#[derive(Debug)]
pub(crate) struct FunctionTimeout {
    limit: Option<Duration>,
    orders: Orders,
}

/// The function took too long.
#[derive(Debug, thiserror::Error)]
#[error("Timeout value of {limit:?} exceeded by function '{function}'")]
pub(crate) struct TimedOut {
    limit: Duration,
    function: String,
}

/// One invocation's time. Dropping it says that the invocation has ended.
#[derive(Debug)]
pub(crate) struct Deadline(Option<JoinHandle<()>>);

impl FunctionTimeout {
    /// `limit` is `None` for ever.
    pub(super) fn new(limit: Option<Duration>, orders: Orders) -> Self {
        Self { limit, orders }
    }

    /// Awaits `work` of an invocation that begins now. What is left of it, such
    /// as a body that streams, goes on under the same deadline.
    ///
    /// # Errors
    /// When it takes too long.
    pub(crate) async fn within<F: Future>(
        &self,
        function: &str,
        work: F,
    ) -> Result<(F::Output, Deadline), TimedOut> {
        let Some(limit) = self.limit else {
            return Ok((work.await, Deadline(None)));
        };
        let (expire, expired) = oneshot::channel();
        let orders = self.orders.clone();
        let name = function.to_owned();
        let deadline = Deadline(Some(tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            tracing::error!(
                function = name,
                ?limit,
                "A function timeout has occurred. Restarting worker process."
            );
            expire.send(()).unwrap_or_default();
            // Not to be taken back, whoever stops waiting.
            tokio::spawn(async move { orders.restart_after_timeout().await });
        })));
        tokio::select! {
            biased;
            Ok(()) = expired => Err(TimedOut {
                limit,
                function: function.to_owned(),
            }),
            output = work => Ok((output, deadline)),
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
