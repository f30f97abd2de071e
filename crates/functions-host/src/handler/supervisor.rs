use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::Clock;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::deadline::FunctionTimeout;
use super::logs::Logs;
use super::process::Launch;
use super::readiness;
use super::restarts::Restarts;
use super::state::{State, StateWatch};
use crate::error::HandlerError;

/// With this exit code the handler asks to be started again.
const INTENTIONAL_RESTART: i32 = 200;

/// What the owner asks for; answered when the old process is gone.
#[derive(Debug)]
enum Command {
    Kill(oneshot::Sender<()>),
    Restart(oneshot::Sender<()>),
    /// Kill it and start it anew, with the failures that are counted.
    TimedOut(oneshot::Sender<()>),
}

/// Gives the supervisor orders.
#[derive(Debug, Clone)]
pub(super) struct Orders(mpsc::Sender<Command>);

impl Orders {
    async fn give(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) {
        let (done, wait) = oneshot::channel();
        if self.0.send(command(done)).await.is_ok() {
            drop(wait.await);
        }
    }

    /// Kills a handler that runs, since a function took too long, and starts it
    /// again.
    pub(super) async fn restart_after_timeout(&self) {
        self.give(Command::TimedOut).await;
    }
}

/// How a run of the process ended.
enum Ending {
    Exited(ExitStatus),
    TimedOut,
    Ordered(Option<Command>),
}

/// Keeps the handler running by the host's rules. Dropping it kills the
/// process.
#[derive(Debug)]
pub(crate) struct Supervisor {
    orders: Orders,
    state: StateWatch,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Starts the handler; `state().wait_for_start()` tells how that went.
    pub(crate) fn start(launch: Launch, logs: Arc<Logs>, clock: Arc<dyn Clock>) -> Self {
        let (sender, receiver) = watch::channel(State::Starting);
        let (commands, orders) = mpsc::channel(1);
        let state = StateWatch::new(receiver, launch.handler.initialization_timeout);
        let run = Run {
            launch,
            logs,
            clock,
            state: sender,
            orders,
            restarts: Restarts::default(),
            has_been_ready: false,
        };
        Self {
            orders: Orders(commands),
            state,
            task: tokio::spawn(run.run()),
        }
    }

    pub(crate) fn state(&self) -> &StateWatch {
        &self.state
    }

    /// What sees to it that functions end in time; `limit` is `None` for ever.
    pub(crate) fn function_timeout(&self, limit: Option<Duration>) -> FunctionTimeout {
        FunctionTimeout::new(limit, self.orders.clone())
    }

    /// Kills the handler (SIGKILL) and returns when it is gone.
    pub(crate) async fn kill(&self) {
        self.orders.give(Command::Kill).await;
    }

    /// Kills the handler if it runs, and starts it anew with no failures
    /// counted.
    pub(crate) async fn restart(&self) -> Result<(), HandlerError> {
        self.orders.give(Command::Restart).await;
        self.state.wait_for_start().await
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Run {
    launch: Launch,
    logs: Arc<Logs>,
    clock: Arc<dyn Clock>,
    state: watch::Sender<State>,
    orders: mpsc::Receiver<Command>,
    restarts: Restarts,
    has_been_ready: bool,
}

impl Run {
    async fn run(mut self) {
        loop {
            self.state.send_replace(State::Starting);
            let next = match self.launch.spawn(&self.logs) {
                Ok(mut child) => {
                    let ending = self.attend(&mut child).await;
                    // Nothing more is sent to it.
                    self.state.send_replace(State::Starting);
                    // The host kills whatever still runs before it goes on.
                    drop(child.kill().await);
                    self.settle(ending)
                }
                Err(error) => Some(State::Stopped(error)),
            };
            let Some(resting) = next else {
                continue;
            };
            self.state.send_replace(resting);
            if !self.rest().await {
                return;
            }
        }
    }

    /// Follows one process until it ends or is to end.
    async fn attend(&mut self, child: &mut Child) -> Ending {
        let timeout = self.launch.handler.initialization_timeout;
        let ready = tokio::time::timeout(timeout, readiness::answers(self.launch.port));
        tokio::select! {
            status = child.wait() => return ended(status),
            order = self.orders.recv() => return Ending::Ordered(order),
            outcome = ready => if outcome.is_err() {
                return Ending::TimedOut;
            },
        }
        self.has_been_ready = true;
        self.state.send_replace(State::Ready);
        tracing::info!("Worker process started and initialized.");
        tokio::select! {
            status = child.wait() => ended(status),
            order = self.orders.recv() => Ending::Ordered(order),
        }
    }

    /// What follows: a state to rest in, or `None` for the next process.
    fn settle(&mut self, ending: Ending) -> Option<State> {
        match ending {
            Ending::Ordered(Some(Command::Restart(done))) => {
                self.begin_anew(done);
                None
            }
            Ending::Ordered(Some(Command::TimedOut(done))) => {
                acknowledge(done);
                None
            }
            Ending::Ordered(Some(Command::Kill(done))) => {
                self.state.send_replace(State::Killed);
                acknowledge(done);
                Some(State::Killed)
            }
            Ending::Ordered(None) => Some(State::Killed),
            Ending::TimedOut => self.after_failure(HandlerError::InitializationTimedOut {
                port: self.launch.port,
                timeout: self.launch.handler.initialization_timeout,
            }),
            Ending::Exited(status) if status.code() == Some(0) => Some(State::Left),
            Ending::Exited(status) if status.code() == Some(INTENTIONAL_RESTART) => None,
            Ending::Exited(status) => {
                let last = format!(
                    "{} exited with {status}. {}",
                    self.launch.handler.executable.display(),
                    self.logs.last_errors()
                );
                self.after_failure(HandlerError::KeepsFailing { last })
            }
        }
    }

    fn after_failure(&mut self, error: HandlerError) -> Option<State> {
        // The host would try a handler that never answered twice more, and
        // fail a minute later with the same words.
        let hopeless =
            !self.has_been_ready && matches!(error, HandlerError::InitializationTimedOut { .. });
        let again = self.restarts.after_failure(self.clock.monotonic());
        if again && !hopeless {
            tracing::warn!(last = %self.logs.last_errors(), "the handler failed and is started again");
            return None;
        }
        tracing::error!(%error, "the host stops");
        Some(State::Stopped(error))
    }

    /// Without a process, waits for the order to start one; false when the
    /// owner is gone.
    async fn rest(&mut self) -> bool {
        loop {
            match self.orders.recv().await {
                None => return false,
                Some(Command::Kill(done)) => {
                    self.state.send_replace(State::Killed);
                    acknowledge(done);
                }
                // There is nothing to kill.
                Some(Command::TimedOut(done)) => acknowledge(done),
                Some(Command::Restart(done)) => {
                    self.begin_anew(done);
                    return true;
                }
            }
        }
    }

    fn begin_anew(&mut self, done: oneshot::Sender<()>) {
        self.restarts = Restarts::default();
        self.has_been_ready = false;
        self.state.send_replace(State::Starting);
        acknowledge(done);
    }
}

/// The owner may have stopped waiting, which changes nothing.
fn acknowledge(done: oneshot::Sender<()>) {
    done.send(()).unwrap_or_default();
}

fn ended(status: std::io::Result<ExitStatus>) -> Ending {
    status.map_or(Ending::Ordered(None), Ending::Exited)
}
