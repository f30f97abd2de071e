//! Reading an answer: told to the client as it comes, stored every two
//! seconds and at the end.

use std::pin::Pin;
use std::sync::Arc;

use entrada_foundry::{FoundryError, ResponseEvent, ResponseStream, Sequenced};
use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{MissedTickBehavior, Sleep, interval, sleep};

use super::Chat;
use super::asks::seal_asks;
use super::calling::CallError;
use super::catalogue::Upstream;
use super::draft::Draft;
use super::events::{Ask, Emitted, Position, TurnEvent};
use super::ledger::{Ending, LEASE, Ledger, LedgerError};
use super::listener::Listener;
use super::message::INTERRUPTED;
use super::refusal::{agent_failed, broken, ledger_error, revoked};
use crate::error::chain;
use crate::identity::{Principal, RevocationCheck};

/// An answer being read.
pub(super) struct Reading {
    pub(super) chat: Arc<Chat>,
    pub(super) caller: Principal,
    pub(super) upstream: Upstream,
    pub(super) ledger: Ledger,
    pub(super) draft: Draft,
    pub(super) listener: Listener,
}

/// How the reading came to its end.
enum End {
    /// The agent ended its answer, one way or another.
    Said(ResponseEvent),
    /// The stream broke.
    Broken(FoundryError),
    /// We stopped.
    Stopped(&'static str),
    /// The caller was cut off.
    Revoked,
    /// The session is not this turn's any more.
    Lost(LedgerError),
}

/// A write that goes on while the answer is read.
type Saving = BoxFuture<'static, (Ledger, Result<(), LedgerError>)>;

/// What goes on beside the stream.
struct Beside {
    saving: Option<Saving>,
    /// Whether there is text that was not handed to storage.
    dirty: bool,
    /// When the lease was last renewed, epoch seconds.
    renewed_at: i64,
    deadline: Pin<Box<Sleep>>,
    /// Held while the turn goes on without its client.
    background: Option<OwnedSemaphorePermit>,
}

impl Reading {
    /// Reads `stream` to its end and stores what came of it. When the client
    /// goes away the answer is still read, for a bounded time and by a
    /// bounded number of turns, so that it is there when the client is back.
    /// Beyond these bounds it is read on when the client is back.
    pub(super) async fn run(mut self, stream: ResponseStream) {
        let mut beside = Beside {
            saving: None,
            dirty: false,
            renewed_at: self.chat.clock.unix(),
            deadline: Box::pin(sleep(self.chat.limits.turn)),
            background: None,
        };
        let end = self.read(stream, &mut beside).await;
        if let Some(saving) = beside.saving.take() {
            let (ledger, outcome) = saving.await;
            self.ledger = ledger;
            if let Err(error) = outcome {
                tracing::warn!(error = chain(&error), "an answer was not stored on the way");
            }
        }
        let is_given_up = self.is_given_up(&end).await;
        self.conclude(end).await;
        if is_given_up && self.upstream.background {
            self.cancel().await;
        }
    }

    /// Whether nobody will want the rest of the answer.
    async fn is_given_up(&self, end: &End) -> bool {
        match end {
            End::Stopped(reason) => *reason != INTERRUPTED,
            End::Revoked => true,
            // Another turn may read the same answer on; in a session that was
            // deleted nobody does.
            End::Lost(_) => {
                let message = &self.draft.stored.message;
                let partition = self.caller.partition();
                let session = self.chat.store.find(&partition, message.session_id);
                matches!(session.await, Ok(None))
            }
            End::Said(_) | End::Broken(_) => false,
        }
    }

    /// Ends the agent's work, which goes on without a connection.
    async fn cancel(&self) {
        let Some(response_id) = &self.draft.stored.response_id else {
            tracing::warn!("an answer was given up before it had an id: its agent may go on");
            return;
        };
        let Upstream { foundry, agent, .. } = &self.upstream;
        let cancelling = async {
            let token = self.chat.token(&self.caller, None).await;
            let token = token.map_err(CallError::NotMade)?;
            self.chat
                .call_as(&self.caller, token, |token| async move {
                    foundry.cancel(&token, agent, response_id).await
                })
                .await
        };
        if let Err(error) = cancelling.await {
            let code = error.code();
            tracing::warn!(
                code,
                "an agent may still be at work on an answer that was given up"
            );
        }
    }

    async fn read(&mut self, mut stream: ResponseStream, beside: &mut Beside) -> End {
        let mut tick = interval(self.chat.limits.save_every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tick.reset();
        loop {
            tokio::select! {
                (ledger, outcome) = saved(&mut beside.saving) => {
                    beside.saving = None;
                    self.ledger = ledger;
                    if let Some(end) = self.after_saving(outcome, beside) {
                        return end;
                    }
                }
                () = beside.deadline.as_mut() => return match beside.background {
                    Some(_) => End::Stopped(INTERRUPTED),
                    None => End::Stopped("took_too_long"),
                },
                () = self.listener.gone(), if self.listener.is_there() => {
                    self.listener.leave();
                }
                _ = tick.tick() => match self.chat.revocations.check(&self.caller) {
                    RevocationCheck::Clear => self.save(beside),
                    RevocationCheck::Revoked => return End::Revoked,
                    // Nobody knows who may go on; who may can come back.
                    RevocationCheck::Unknown => return End::Stopped(INTERRUPTED),
                },
                next = stream.next() => match next {
                    Some(Ok(event)) => {
                        beside.dirty = true;
                        if let Some(end) = self.take(event).await {
                            return end;
                        }
                    }
                    Some(Err(error)) => return End::Broken(error),
                    None => return End::Stopped(INTERRUPTED),
                },
            }
            if !self.listener.is_there()
                && beside.background.is_none()
                && let Some(end) = self.go_on_alone(beside)
            {
                return end;
            }
        }
    }

    /// The client is gone.
    fn go_on_alone(&self, beside: &mut Beside) -> Option<End> {
        if self.listener.is_needed() {
            return Some(End::Stopped("client_gone"));
        }
        let Ok(permit) = self.chat.background.clone().try_acquire_owned() else {
            return Some(End::Stopped(INTERRUPTED));
        };
        tracing::debug!("the client went away; its answer is still read");
        beside.background = Some(permit);
        beside.deadline.set(sleep(self.chat.limits.background));
        None
    }

    fn after_saving(&self, outcome: Result<(), LedgerError>, beside: &mut Beside) -> Option<End> {
        match outcome {
            Ok(()) => {
                beside.renewed_at = self.chat.clock.unix();
                None
            }
            Err(LedgerError::Storage(error)) => {
                tracing::warn!(error = chain(&error), "an answer was not stored on the way");
                beside.dirty = true;
                None
            }
            Err(error) => Some(End::Lost(error)),
        }
    }

    /// Begins a write, if there is something to write and none goes on.
    fn save(&mut self, beside: &mut Beside) {
        let due = self.chat.clock.unix() - beside.renewed_at > LEASE / 3;
        if beside.saving.is_some() || !(beside.dirty || due) {
            return;
        }
        let message = std::mem::take(&mut beside.dirty).then(|| {
            self.seal_asks();
            self.draft.stored.clone()
        });
        let mut ledger = self.ledger.clone();
        beside.saving = Some(Box::pin(async move {
            let outcome = ledger.save(message.as_ref()).await;
            (ledger, outcome)
        }));
    }

    fn seal_asks(&mut self) {
        self.draft.stored.asks = seal_asks(
            &self.chat,
            &self.caller.partition(),
            &self.draft.stored,
            &self.draft.asks,
        );
    }

    /// Takes one event of the agent's.
    async fn take(&mut self, sequenced: Sequenced<ResponseEvent>) -> Option<End> {
        let number = i64::try_from(sequenced.sequence_number).unwrap_or(i64::MAX);
        // An answer that came as a whole has no numbers.
        self.draft.stored.sequence = self.draft.stored.sequence.max(number);
        let event = match sequenced.event {
            ResponseEvent::Created {
                response_id,
                conversation,
            } => {
                self.draft.created(response_id, conversation);
                return None;
            }
            ResponseEvent::TextDelta { text } | ResponseEvent::Refusal { text } => {
                if !self.draft.append(&text) {
                    return Some(End::Stopped("too_long"));
                }
                TurnEvent::Delta(text)
            }
            ResponseEvent::ToolStarted {
                id,
                name,
                server_label,
                kind,
            } => TurnEvent::ToolStarted {
                id,
                name,
                server_label,
                kind,
            },
            ResponseEvent::ToolCompleted { id, failed } => TurnEvent::ToolCompleted { id, failed },
            ResponseEvent::ConsentRequired {
                id,
                link,
                server_label,
                ..
            } => self.asked(Ask::consent(id, &link, server_label))?,
            ResponseEvent::ApprovalRequired {
                id,
                name,
                arguments,
                server_label,
            } => self.asked(Ask::Approval {
                id,
                name,
                arguments,
                server_label,
            })?,
            last => return Some(End::Said(last)),
        };
        self.tell(event).await;
        None
    }

    /// What to tell of a question; nothing when it was told before.
    fn asked(&mut self, ask: Ask) -> Option<TurnEvent> {
        let is_new = self.draft.ask(ask.clone());
        is_new.then_some(TurnEvent::Asked(ask))
    }

    /// Tells the client; text that it has already is left out.
    pub(super) async fn tell(&mut self, event: TurnEvent) {
        let position = Position {
            number: self.draft.stored.number,
            sequence: self.draft.stored.sequence(),
            offset: self.draft.length(),
        };
        let event = match event {
            TurnEvent::Delta(text) => match self.listener.unheard(&text, &position) {
                Some(rest) => TurnEvent::Delta(rest.to_owned()),
                None => return,
            },
            other => other,
        };
        let response_id = self.draft.stored.response_id.clone();
        self.listener
            .tell(Emitted {
                position,
                response_id,
                event,
            })
            .await;
    }

    /// Stores the answer as it stands, then tells the client.
    async fn conclude(&mut self, end: End) {
        let mut failure = None;
        let ending = match end {
            End::Said(ResponseEvent::Completed {
                response_id,
                text,
                usage,
            }) => {
                self.make_up_for_deltas(text).await;
                self.draft.complete(response_id, usage)
            }
            End::Said(ResponseEvent::Incomplete {
                response_id,
                reason,
            }) => self.draft.cut_short(response_id, &reason),
            End::Said(ResponseEvent::Failed { code, .. }) => {
                self.draft.fail(code.as_deref());
                failure = Some(agent_failed());
                Ending::default()
            }
            End::Said(_) => {
                self.draft.stop(INTERRUPTED);
                Ending::default()
            }
            End::Broken(error) => {
                self.draft.stop(INTERRUPTED);
                failure = Some(broken(&error));
                tracing::warn!(error = chain(&error), "an answer broke off");
                Ending::default()
            }
            End::Stopped(reason) => {
                self.draft.stop(reason);
                Ending::default()
            }
            End::Revoked => {
                self.draft.stop("revoked");
                failure = Some(revoked());
                Ending::default()
            }
            End::Lost(error) => {
                return self.tell(TurnEvent::Failed(ledger_error(error))).await;
            }
        };
        self.seal_asks();
        if let Err(error) = self.finish(&ending).await {
            tracing::error!(error = chain(&error), "an answer could not be stored");
            failure = Some(ledger_error(error));
        }
        let last = match failure {
            Some(error) => TurnEvent::Failed(error),
            None => TurnEvent::Completed(self.draft.stored.message.clone()),
        };
        self.tell(last).await;
    }

    /// A service that sent no pieces, or not all of them, may still send the
    /// whole.
    async fn make_up_for_deltas(&mut self, whole: Option<String>) {
        let Some(whole) = whole else {
            return;
        };
        match self.draft.rest_of(&whole).map(str::to_owned) {
            Some(rest) if rest.is_empty() => {}
            Some(rest) => {
                if self.draft.append(&rest) {
                    self.tell(TurnEvent::Delta(rest)).await;
                }
            }
            // The client learns it from the message that is completed.
            None => self.draft.replace_left(whole),
        }
    }

    /// The last write, which is worth waiting for.
    async fn finish(&mut self, ending: &Ending) -> Result<(), LedgerError> {
        for wait in self.chat.limits.last_write_waits {
            match self.ledger.finish(&self.draft.stored, ending).await {
                Err(LedgerError::Storage(error)) => {
                    tracing::warn!(error = chain(&error), "an answer is not stored yet");
                    sleep(wait).await;
                }
                outcome => return outcome,
            }
        }
        self.ledger.finish(&self.draft.stored, ending).await
    }
}

async fn saved(saving: &mut Option<Saving>) -> (Ledger, Result<(), LedgerError>) {
    match saving {
        Some(saving) => saving.await,
        None => std::future::pending().await,
    }
}
