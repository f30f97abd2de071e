use std::time::Duration;

use tokio::sync::watch;

use crate::error::HandlerError;

/// Where the handler stands.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// Spawned, or about to be; not yet answering.
    Starting,
    /// It has answered.
    Ready,
    /// It left with exit code 0. The host starts nothing in its place and
    /// keeps sending requests to the port, where nobody listens.
    Left,
    /// Killed on request; invocations wait for its successor.
    Killed,
    /// The host itself has stopped.
    Stopped(HandlerError),
}

/// Follows the handler's state.
#[derive(Debug, Clone)]
pub(crate) struct StateWatch {
    receiver: watch::Receiver<State>,
    patience: Duration,
}

impl StateWatch {
    /// `initialization_timeout` decides how long invocations wait.
    pub(super) fn new(receiver: watch::Receiver<State>, initialization_timeout: Duration) -> Self {
        Self {
            receiver,
            // azure-functions-host, `WorkerFunctionInvoker`: (threshold + 1)
            // times the initialisation timeout.
            patience: initialization_timeout.saturating_mul(4),
        }
    }

    /// The state now.
    pub(crate) fn now(&self) -> State {
        self.receiver.borrow().clone()
    }

    /// Waits until an invocation may be sent.
    ///
    /// # Errors
    /// Why it never may.
    pub(crate) async fn wait_to_invoke(&self) -> Result<(), String> {
        let mut receiver = self.receiver.clone();
        let settled = receiver.wait_for(|state| !matches!(state, State::Starting | State::Killed));
        match tokio::time::timeout(self.patience, settled).await {
            Ok(Ok(state)) => match &*state {
                State::Stopped(error) => Err(error.to_string()),
                _ => Ok(()),
            },
            Ok(Err(_)) => Err("the host is gone".into()),
            Err(_) => Err("Initialization timed out and host is shutting down".into()),
        }
    }

    /// Waits until a start has succeeded or failed.
    ///
    /// # Errors
    /// Why it failed.
    pub(crate) async fn wait_for_start(&self) -> Result<(), HandlerError> {
        let mut receiver = self.receiver.clone();
        match receiver
            .wait_for(|state| !matches!(state, State::Starting))
            .await
            .as_deref()
        {
            Ok(State::Stopped(error)) => Err(error.clone()),
            Ok(State::Left) | Err(_) => Err(HandlerError::Left),
            Ok(State::Ready | State::Killed | State::Starting) => Ok(()),
        }
    }

    /// Waits until the host has stopped, and says why.
    pub(crate) async fn stopped(&self) -> HandlerError {
        let mut receiver = self.receiver.clone();
        match receiver
            .wait_for(|state| matches!(state, State::Stopped(_)))
            .await
            .as_deref()
        {
            Ok(State::Stopped(error)) => error.clone(),
            Ok(_) | Err(_) => HandlerError::Left,
        }
    }
}
