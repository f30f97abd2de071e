//! Going on with an answer whose stream broke off on the way to the client,
//! on this instance or another.
//!
//! What storage holds decides. A finished answer is told from storage; one
//! that some instance is still reading is followed there; and one that nobody
//! reads any more (its instance was stopped, or its stream from the agent
//! broke) is taken over and read on from the agent's service, from the event
//! up to which it was stored.

use std::sync::Arc;

use entrada_foundry::ResponseStream;
use tokio::sync::mpsc;
use tokio::time::sleep;
use uuid::Uuid;

use super::Chat;
use super::asks::{open_asks, seal_asks};
use super::calling::CallError;
use super::catalogue::Upstream;
use super::draft::Draft;
use super::event_id::EventIds;
use super::events::{Emitted, Events, Position, TurnEvent};
use super::ledger::{Ending, Ledger, LedgerError};
use super::listener::Listener;
use super::message::{INTERRUPTED, Role, Status, StoredMessage};
use super::reading::Reading;
use super::refusal::{agent_failed, ledger_error, no_such_session, revocations_unknown, revoked};
use super::session::StoredSession;
use crate::audit::{Entry, Outcome};
use crate::context::spawn;
use crate::error::{ApiError, chain};
use crate::identity::{Principal, RevocationCheck, UserPartition};

/// Events that may wait for a client.
const QUEUE: usize = 64;

/// An answer as it is found.
struct Found {
    session: StoredSession,
    message: StoredMessage,
}

impl Chat {
    /// Goes on after the event that `last_event_id` names.
    ///
    /// # Errors
    /// 400 `INVALID_EVENT_ID` for an id that is not one of this session's,
    /// and what goes wrong before there is something to tell.
    pub(super) async fn resume(
        self: &Arc<Self>,
        caller: Principal,
        session_id: Uuid,
        last_event_id: &str,
    ) -> Result<Events, ApiError> {
        let partition = caller.partition();
        let (has, response_id) = self.position(&partition, session_id, last_event_id).await?;
        let answer = Answer {
            session_id,
            number: has.number,
            response_id,
        };
        let found = self.look(&partition, &answer).await?;
        let upstream = self
            .upstream_or_refusal(&caller, &found.session.session.agent_id)
            .await?;
        let permit = self.turns.admit(partition.clone())?;
        let (sender, events) = mpsc::channel(QUEUE);
        let following = Following {
            chat: self.clone(),
            caller,
            partition,
            answer,
            upstream,
            told: has.clone(),
            asked: 0,
            listener: self.listener(sender, has),
        };
        let task = async move {
            following.run(found).await;
            drop(permit);
        };
        spawn(task);
        Ok(events)
    }

    async fn position(
        &self,
        partition: &UserPartition,
        session_id: Uuid,
        last_event_id: &str,
    ) -> Result<(Position, Option<String>), ApiError> {
        let ring = self.rings.current_soon().await?;
        EventIds {
            ring: &ring,
            partition,
            session_id,
        }
        .open(last_event_id)
        .ok_or_else(|| {
            ApiError::bad_request(
                "INVALID_EVENT_ID",
                "Last-Event-ID is not an event of this session.",
            )
        })
    }

    async fn look(&self, partition: &UserPartition, answer: &Answer) -> Result<Found, ApiError> {
        let session = self.store.find(partition, answer.session_id).await?;
        let session = session.ok_or_else(no_such_session)?;
        let message = self
            .store
            .message(partition, answer.session_id, answer.number)
            .await?;
        let message = match message {
            Some(message) => Some(message).filter(|found| found.message.role == Role::Assistant),
            None => answer.not_stored_yet(&session, self),
        };
        match message {
            Some(message) => Ok(Found { session, message }),
            None => Err(ApiError::not_found(
                "MESSAGE_NOT_FOUND",
                "Nothing of this answer was stored. Send the message again.",
            )),
        }
    }
}

/// The answer that a client comes back for, as its event id tells it.
struct Answer {
    session_id: Uuid,
    number: i64,
    response_id: Option<String>,
}

impl Answer {
    /// The answer before its first two seconds were over, in which nothing of
    /// it is stored: it is written by whoever holds the session, or was.
    fn not_stored_yet(&self, session: &StoredSession, chat: &Chat) -> Option<StoredMessage> {
        let response_id = self.response_id.clone()?;
        let now = chat.store.now();
        let is_last = self.number + 1 == session.next_message;
        is_last.then(|| StoredMessage {
            response_id: Some(response_id),
            ..Draft::new(
                chat.random.uuid_v7(now),
                self.session_id,
                self.number,
                session.lease.turn,
                now,
            )
            .stored
        })
    }
}

/// A client that came back.
struct Following {
    chat: Arc<Chat>,
    caller: Principal,
    partition: UserPartition,
    answer: Answer,
    upstream: Upstream,
    listener: Listener,
    /// How far the client has come.
    told: Position,
    /// How many of the answer's questions it was told, or had heard.
    asked: usize,
}

impl Following {
    async fn run(mut self, mut found: Found) {
        loop {
            match self.chat.revocations.check(&self.caller) {
                RevocationCheck::Clear => {}
                RevocationCheck::Revoked => return self.fail(&found, revoked()).await,
                RevocationCheck::Unknown => return self.fail(&found, revocations_unknown()).await,
            }
            self.tell_stored(&found.message).await;
            let now = self.chat.clock.unix();
            let lease = found.session.lease;
            if is_open(&found, now) && !lease.holds(now) {
                match self.take_over(&found).await {
                    Ok(()) => return,
                    // Another client's request was faster: follow it.
                    Err(LedgerError::Busy) => {}
                    Err(error) => return self.fail(&found, ledger_error(error)).await,
                }
            } else if !found.message.is_being_written(lease, now) {
                return self.tell_end(found).await;
            }
            tokio::select! {
                () = self.listener.gone() => return,
                () = sleep(self.chat.limits.save_every) => {}
            }
            found = match self.chat.look(&self.partition, &self.answer).await {
                Ok(found) => found,
                Err(error) => return self.fail(&found, error).await,
            };
        }
    }

    async fn tell(&mut self, found: &StoredMessage, event: TurnEvent) {
        self.told.sequence = self.told.sequence.max(found.sequence());
        let emitted = Emitted {
            position: self.told.clone(),
            response_id: found.response_id.clone(),
            event,
        };
        self.listener.tell(emitted).await;
    }

    /// Tells what is stored and the client does not have.
    async fn tell_stored(&mut self, found: &StoredMessage) {
        let is_behind = found.sequence() < self.told.sequence;
        let text = found.message.content.get(self.told.offset..);
        if let Some(rest) = text.filter(|rest| !rest.is_empty()) {
            self.told.offset += rest.len();
            self.tell(found, TurnEvent::Delta(rest.to_owned())).await;
        }
        let asks = open_asks(&self.chat, &self.partition, found);
        for ask in asks.into_iter().skip(self.asked) {
            self.asked += 1;
            // A client that was ahead of storage has heard it.
            if !is_behind {
                self.tell(found, TurnEvent::Asked(ask)).await;
            }
        }
    }

    async fn tell_end(mut self, found: Found) {
        let last = if found.message.message.status == Status::Failed {
            TurnEvent::Failed(agent_failed())
        } else {
            let now = self.chat.clock.unix();
            let shown = found.message.clone().shown(found.session.lease, now);
            TurnEvent::Completed(shown)
        };
        self.tell(&found.message, last).await;
    }

    async fn fail(mut self, found: &Found, error: ApiError) {
        self.tell(&found.message, TurnEvent::Failed(error)).await;
    }

    /// Reads the answer on from where it was stored, in a turn of its own.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] when somebody else does.
    async fn take_over(&mut self, found: &Found) -> Result<(), LedgerError> {
        let ledger = Ledger::take_over(
            self.chat.store.clone(),
            self.partition.clone(),
            &found.session,
        )
        .await?;
        let asks = open_asks(&self.chat, &self.partition, &found.message);
        let mut draft = Draft::resumed(found.message.clone(), asks, ledger.turn());
        // Under the current key: what is written back must not need an old one.
        let sealed = seal_asks(&self.chat, &self.partition, &draft.stored, &draft.asks);
        draft.stored.asks = sealed.or(draft.stored.asks);
        match self.ask_again_audited(found).await {
            Ok(stream) => {
                let nobody = Listener::new(
                    mpsc::channel(1).0,
                    Position::default(),
                    self.chat.limits.patience,
                );
                let reading = Reading {
                    chat: self.chat.clone(),
                    caller: self.caller.clone(),
                    upstream: self.upstream.clone(),
                    ledger,
                    draft,
                    listener: std::mem::replace(&mut self.listener, nobody),
                };
                reading.run(stream).await;
                Ok(())
            }
            Err(error) => {
                self.give_up(ledger, draft, error).await;
                Ok(())
            }
        }
    }

    /// Asks the agent for the rest, as the person, and enters that it was asked.
    async fn ask_again_audited(&self, found: &Found) -> Result<ResponseStream, CallError> {
        let agent_id = &found.session.session.agent_id;
        let entry = Entry::of(&self.caller, "chat.resume").agent(agent_id);
        let pending = self.chat.audit.begin(entry).await;
        let pending = pending.map_err(|error| CallError::NotMade(error.into()))?;
        let asked = self.ask_again(&found.message).await;
        match &asked {
            Ok(_) => pending.finish(Outcome::Succeeded, None),
            Err(error) => pending.finish(Outcome::Failed, Some(error.code())),
        }
        asked
    }

    async fn ask_again(&self, found: &StoredMessage) -> Result<ResponseStream, CallError> {
        let token = self.chat.token(&self.caller, None).await;
        let token = token.map_err(CallError::NotMade)?;
        let response_id = found.response_id.as_deref().unwrap_or_default();
        let Upstream { foundry, agent, .. } = &self.upstream;
        let after = Some(found.sequence());
        let asking = self.chat.call_as(&self.caller, token, |token| async move {
            foundry.resume(&token, agent, response_id, after).await
        });
        asking.await
    }

    async fn give_up(&mut self, mut ledger: Ledger, mut draft: Draft, error: CallError) {
        // What is interrupted is gone on with at the next attempt. For what
        // is cut off nobody needs to try again.
        let reason = if error.is_final() {
            "cut_off"
        } else {
            INTERRUPTED
        };
        draft.stop(reason);
        if let Err(error) = ledger.finish(&draft.stored, &Ending::default()).await {
            tracing::warn!(error = chain(&error), "a session was not let go");
        }
        let error = ApiError::from(error);
        if let Some(asked) = TurnEvent::step_up(&error) {
            self.tell(&draft.stored, asked).await;
        }
        self.tell(&draft.stored, TurnEvent::Failed(error)).await;
    }
}

/// Whether the answer can still be read on: it is the session's last, and
/// nobody finished it.
fn is_open(found: &Found, now: i64) -> bool {
    let message = &found.message;
    let interrupted = message.message.status == Status::Incomplete
        && message.message.metadata.get("reason") == Some(&INTERRUPTED.into());
    message.response_id.is_some()
        && message.number + 1 == found.session.next_message
        && (interrupted || message.is_abandoned(found.session.lease, now))
}
