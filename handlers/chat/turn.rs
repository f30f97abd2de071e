//! A turn: the person says something, the agent answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use entrada_foundry::{InputItem, ResponseRequest, ResponseStream};
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::catalogue::Upstream;
use super::draft::Draft;
use super::events::{Emitted, Events, Position};
use super::ledger::{Ending, Ledger, LedgerError};
use super::listener::Listener;
use super::message::{Message, Role, Status, StoredMessage};
use super::reading::Reading;
use super::refusal::{
    approval_not_pending, client_gone, ledger_error, no_such_agent, no_such_session, not_configured,
};
use super::session::StoredSession;
use super::turns::TurnPermit;
use super::{Chat, PERMISSION, SCOPE};
use crate::audit::{Entry, Outcome};
use crate::context::spawn;
use crate::error::{ApiError, chain};
use crate::identity::Principal;

/// Events that may wait for a client before the agent's stream waits too.
const QUEUE: usize = 64;

/// What the person says.
#[derive(Clone)]
pub(super) enum Input {
    /// A message.
    Text(String),
    /// The answer to an approval request.
    Approval {
        id: String,
        approve: bool,
        reason: Option<String>,
    },
}

impl Input {
    /// Whether the agent of `session` waits for it.
    fn fits(&self, session: &StoredSession) -> bool {
        match self {
            Self::Text(_) => true,
            Self::Approval { id, .. } => session.approvals.contains(id),
        }
    }
}

/// A turn to be taken.
#[derive(Clone)]
pub(super) struct TurnOrder {
    pub(super) session_id: Uuid,
    pub(super) input: Input,
    /// The client's own notes on the message.
    pub(super) metadata: Map<String, Value>,
    pub(super) correlation_id: Uuid,
    /// Whether the turn ends when its client goes away.
    pub(super) only_attended: bool,
}

/// A turn that may begin.
struct Turn {
    chat: Arc<Chat>,
    caller: Principal,
    session: StoredSession,
    upstream: Upstream,
    token: SecretString,
    order: TurnOrder,
    listener: Listener,
    _permit: TurnPermit,
}

impl Chat {
    /// Takes a turn. Comes back when the agent has begun to answer; what it
    /// says comes through the [`Events`], and is stored whether or not they
    /// are read.
    ///
    /// # Errors
    /// Everything that goes wrong before the answer begins.
    pub(super) async fn start(
        self: &Arc<Self>,
        caller: Principal,
        order: TurnOrder,
    ) -> Result<Events, ApiError> {
        let session = self
            .store
            .find(&caller.partition(), order.session_id)
            .await?
            .ok_or_else(no_such_session)?;
        let agent = session.session.agent_id.clone();
        let entry = Entry::of(&caller, "chat.turn").agent(&agent);
        let pending = self
            .audit
            .begin(entry.correlation(Some(order.correlation_id)))
            .await?;
        let started = match self.upstream(&caller, &agent).await {
            Ok(upstream) => self.start_in(caller, session, upstream, order).await,
            // An agent that is not the caller's (any more). Foundry's own 404,
            // which comes later and with the same code, refuses nobody.
            Err(error) if error.code() == no_such_agent().code() => {
                let reason = Some("hidden_or_unknown_agent");
                pending.finish_durably(Outcome::Refused, reason).await?;
                return Err(error);
            }
            Err(error) => Err(error),
        };
        match &started {
            Ok(_) => pending.finish(Outcome::Succeeded, None),
            Err(error) => pending.finish(Outcome::Failed, Some(error.code())),
        }
        started
    }

    pub(super) async fn start_in(
        self: &Arc<Self>,
        caller: Principal,
        session: StoredSession,
        upstream: Upstream,
        order: TurnOrder,
    ) -> Result<Events, ApiError> {
        if !order.input.fits(&session) {
            return Err(approval_not_pending());
        }
        // Without keys an answer's events have no ids, which is no reason to
        // refuse it; keys that are still being loaded are worth a moment.
        drop(self.rings.current_soon().await);
        let token = self.token(&caller, None).await?;
        let (sender, events) = mpsc::channel(QUEUE);
        let turn = Turn {
            _permit: self.turns.admit(caller.partition())?,
            listener: self
                .listener(sender, Position::default())
                .needed(order.only_attended),
            chat: self.clone(),
            caller,
            session,
            upstream,
            token,
            order,
        };
        let (started, begun) = oneshot::channel();
        // On its own from here on: a client that goes away must not leave a
        // session locked or an answer half stored.
        spawn(turn.run(started));
        begun
            .await
            .map_err(|_| ApiError::internal("a turn ended before it began"))??;
        Ok(events)
    }

    /// The way to an agent that the caller may use.
    pub(super) async fn upstream(
        &self,
        caller: &Principal,
        agent_id: &str,
    ) -> Result<Upstream, ApiError> {
        let agent = self.agent(caller, agent_id).await?;
        agent.upstream.ok_or_else(not_configured)
    }

    /// The same, and a refusal is entered.
    pub(super) async fn upstream_or_refusal(
        &self,
        caller: &Principal,
        agent_id: &str,
    ) -> Result<Upstream, ApiError> {
        let agent = self.agent_or_refusal(caller, agent_id).await?;
        agent.upstream.ok_or_else(not_configured)
    }

    /// The caller's token for the agents' service.
    pub(super) async fn token(
        &self,
        caller: &Principal,
        claims: Option<&str>,
    ) -> Result<SecretString, ApiError> {
        match self.downstream.token(caller, SCOPE, claims).await {
            Ok(token) => Ok(token),
            Err(error) => Err(self.remedies.answer(caller, PERMISSION, &error).await),
        }
    }

    pub(super) fn listener(&self, sender: mpsc::Sender<Emitted>, has: Position) -> Listener {
        Listener::new(sender, has, self.limits.patience)
    }
}

impl Turn {
    async fn run(mut self, started: oneshot::Sender<Result<(), ApiError>>) {
        let begun = Ledger::begin(
            self.chat.store.clone(),
            self.caller.partition(),
            self.session.clone(),
            |session, turn| {
                if self.order.input.fits(session) {
                    Ok(self.message(session.next_message, turn))
                } else {
                    Err(LedgerError::NotPending)
                }
            },
        );
        let (mut ledger, session, mut said) = match begun.await {
            Ok(begun) => begun,
            Err(error) => {
                let _ = started.send(Err(ledger_error(error)));
                return;
            }
        };
        self.session = session;
        let asked = tokio::select! {
            asked = self.ask() => asked,
            () = self.listener.gone(), if self.listener.is_needed() => Err(client_gone()),
        };
        let stream = match asked {
            Ok(stream) => stream,
            Err(refused) => {
                // The message did not reach the agent, and says so.
                said.message.status = Status::Failed;
                if let Err(error) = ledger.finish(&said, &Ending::default()).await {
                    tracing::warn!(error = chain(&error), "a session was not let go");
                }
                let _ = started.send(Err(refused));
                return;
            }
        };
        let chat = &self.chat;
        let now = chat.store.now();
        let draft = Draft::new(
            chat.random.uuid_v7(now),
            self.order.session_id,
            said.number + 1,
            ledger.turn(),
            now,
        );
        let _ = started.send(Ok(()));
        Reading {
            chat: self.chat.clone(),
            caller: self.caller,
            upstream: self.upstream,
            ledger,
            draft,
            listener: self.listener,
        }
        .run(stream)
        .await;
    }

    /// The person's message as it is stored.
    fn message(&self, number: i64, turn: Uuid) -> StoredMessage {
        let now = self.chat.store.now();
        let mut metadata = self.order.metadata.clone();
        let content = match &self.order.input {
            Input::Text(text) => text.clone(),
            Input::Approval { id, approve, .. } => {
                metadata.insert("approval_id".to_owned(), id.clone().into());
                metadata.insert("approve".to_owned(), (*approve).into());
                String::new()
            }
        };
        StoredMessage {
            message: Message {
                id: self.chat.random.uuid_v7(now),
                session_id: self.order.session_id,
                role: Role::User,
                content,
                status: Status::Completed,
                metadata,
                created_at: now,
            },
            number,
            turn,
            response_id: None,
            sequence: 0,
            asks: None,
        }
    }

    /// Asks the agent as the person.
    async fn ask(&self) -> Result<ResponseStream, ApiError> {
        let request = &self.request();
        let foundry = &self.upstream.foundry;
        let asking = self
            .chat
            .call_as(&self.caller, self.token.clone(), |token| async move {
                foundry.respond(&token, request).await
            });
        Ok(asking.await?)
    }

    fn request(&self) -> ResponseRequest {
        let item = match self.order.input.clone() {
            Input::Text(text) => InputItem::UserText { text },
            Input::Approval {
                id,
                approve,
                reason,
            } => InputItem::Approval {
                approval_request_id: id,
                approve,
                reason,
            },
        };
        let previous_response_id = self.session.response_id.clone();
        ResponseRequest {
            agent: self.upstream.agent.clone(),
            input: vec![item],
            // One or the other: the response is the more exact of the two.
            conversation: match previous_response_id {
                Some(_) => None,
                None => self.session.conversation.clone(),
            },
            previous_response_id,
            metadata: BTreeMap::from(
                [
                    ("entrada_object_id", self.caller.object_id()),
                    ("entrada_tenant_id", self.caller.tenant_id()),
                    ("entrada_correlation_id", self.order.correlation_id),
                ]
                .map(|(name, id)| (name.to_owned(), id.to_string())),
            ),
            // Nobody comes back for an answer that ends with its client.
            background: self.upstream.background && !self.order.only_attended,
        }
    }
}
