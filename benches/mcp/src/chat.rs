//! Chat: how long the first words take, and what many answers at a time need.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::{Clock, NetworkOptions, http_client};
use entrada_foundry::{Agent, Foundry, FoundrySettings, ResponseEvent, ResponseRequest};
use entrada_stand_ins::directory::{FOUNDRY_RESOURCE, crowd};
use entrada_stand_ins::{StandIns, TokenRequest};
use futures::StreamExt as _;
use reqwest::{Client, RequestBuilder, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::error::Error;
use crate::server::{Server, Subject};

/// Answers at a time.
pub(crate) const STREAMS: usize = 1000;
/// Time between the words of each.
pub(crate) const PAUSE: Duration = Duration::from_millis(250);
/// How long all of them are watched.
pub(crate) const WATCHED: Duration = Duration::from_secs(5);
/// How long anything may take.
const LIMIT: Duration = Duration::from_mins(1);
/// Agents of the stand-in.
const QUICK: &str = "assistant";
const SLOW: &str = "slow";

/// What was found.
#[derive(Debug)]
pub(crate) struct Chat {
    /// From the request to the first words, in milliseconds: through the
    /// handler, and from the agent itself.
    pub(crate) first_words: Vec<[f64; 2]>,
    /// Most memory of the handler while [`STREAMS`] answers came in, in bytes.
    pub(crate) memory: Option<u64>,
    /// Its processor time meanwhile, as a share of one core.
    pub(crate) processor: Option<f64>,
}

/// Measures `turns` turns one after the other, then many at a time.
pub(crate) async fn measure(
    subject: &Subject,
    stand_ins: &StandIns,
    turns: usize,
    clock: &Arc<dyn Clock>,
) -> Result<Chat, Error> {
    let (server, _) = Server::start(subject, clock.as_ref()).await?;
    let http = http_client(&NetworkOptions::default()).map_err(Error::preparing("a client"))?;
    let asking = Asking {
        http,
        base: format!("http://127.0.0.1:{}", server.port),
        clock: Arc::clone(clock),
    };
    let first_words = first_words(&asking, stand_ins, turns).await?;
    let (memory, processor) = many(&asking, stand_ins, &server).await?;
    server.stop().await?;
    Ok(Chat {
        first_words,
        memory,
        processor,
    })
}

/// Somebody who asks the handler.
#[derive(Clone)]
struct Asking {
    http: Client,
    base: String,
    clock: Arc<dyn Clock>,
}

impl Asking {
    async fn session(&self, token: &str, agent: &str) -> Result<String, Error> {
        let request = self.http.post(format!("{}/api/sessions", self.base));
        let request = request.bearer_auth(token).json(&json!({"agent_id": agent}));
        let answer: Value = sent(request)
            .await?
            .json()
            .await
            .map_err(Error::preparing("a session"))?;
        let id = answer.pointer("/session/id").and_then(Value::as_str);
        id.map(str::to_owned)
            .ok_or(Error::Chat("there is no session"))
    }

    /// Asks for an answer and waits for its first words.
    async fn words(&self, token: &str, session: &str) -> Result<Response, Error> {
        let request = self.http.post(format!("{}/api/chat", self.base));
        let request = request
            .bearer_auth(token)
            .header("accept", "text/event-stream")
            .json(&json!({"session_id": session, "content": "Hello"}));
        let mut answer = sent(request).await?;
        let mut text = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(Error::preparing("chat"))? {
            text.extend_from_slice(&piece);
            if has_words(&text) {
                return Ok(answer);
            }
        }
        Err(Error::Chat("an answer ended without words"))
    }
}

/// Whether a piece of the answer is among these events.
fn has_words(events: &[u8]) -> bool {
    let name = b"event: message.delta\n";
    events.windows(name.len()).any(|window| window == name)
}

async fn sent(request: RequestBuilder) -> Result<Response, Error> {
    let answer = request.send().await.map_err(Error::preparing("chat"))?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap_or_default();
    Err(Error::Answer {
        server: "Entrada",
        status,
        body,
    })
}

async fn rest(mut answer: Response) -> Result<(), Error> {
    while let Some(_piece) = answer.chunk().await.map_err(Error::preparing("chat"))? {}
    Ok(())
}

/// Turns in conversations that have begun, through the handler and with the
/// agent itself, in turn.
async fn first_words(
    asking: &Asking,
    stand_ins: &StandIns,
    turns: usize,
) -> Result<Vec<[f64; 2]>, Error> {
    let mint =
        |request: &TokenRequest| stand_ins.mint(request).map_err(Error::preparing("a token"));
    let reader = TokenRequest::for_persona("reader");
    let token = mint(&reader)?;
    let agents: SecretString = mint(&TokenRequest {
        resource: Some(FOUNDRY_RESOURCE.to_owned()),
        ..reader
    })?
    .into();
    let direct = Direct::begin(&asking.http, stand_ins, agents).await?;
    let session = asking.session(&token, QUICK).await?;
    let mut found = Vec::new();
    for turn in 0..=turns {
        let begun = asking.clock.monotonic();
        let answer = asking.words(&token, &session).await?;
        let through = asking.clock.monotonic().saturating_sub(begun);
        rest(answer).await?;
        let alone = direct.words(asking.clock.as_ref()).await?;
        // The first opens connections and the conversation.
        if turn > 0 {
            found.push([through, alone].map(|taken| taken.as_secs_f64() * 1e3));
        }
    }
    Ok(found)
}

/// The agent without the handler: the same client, with the person's token
/// for Foundry in hand and without TLS.
struct Direct {
    foundry: Foundry,
    token: SecretString,
    request: ResponseRequest,
}

impl Direct {
    async fn begin(
        http: &Client,
        stand_ins: &StandIns,
        token: SecretString,
    ) -> Result<Self, Error> {
        let project = stand_ins.url().join("foundry/api/projects/demo");
        let project = project.map_err(Error::preparing("Foundry's address"))?;
        let foundry = Foundry::new(FoundrySettings::new(project), http.clone())
            .map_err(Error::preparing("a client of Foundry"))?;
        let agent = Agent {
            name: QUICK.to_owned(),
            version: None,
        };
        let conversation = foundry
            .create_conversation(&token, &agent, &BTreeMap::new())
            .await
            .map_err(Error::preparing("a conversation"))?;
        let request = ResponseRequest {
            conversation: Some(conversation),
            background: true,
            ..ResponseRequest::text(agent, "Hello")
        };
        Ok(Self {
            foundry,
            token,
            request,
        })
    }

    /// How long the first words take.
    async fn words(&self, clock: &dyn Clock) -> Result<Duration, Error> {
        let begun = clock.monotonic();
        let asked = self.foundry.respond(&self.token, &self.request).await;
        let mut events = asked.map_err(Error::preparing("an answer of Foundry's"))?;
        let mut first = None;
        while let Some(event) = events.next().await {
            let event = event.map_err(Error::preparing("an answer of Foundry's"))?;
            if matches!(event.event, ResponseEvent::TextDelta { .. }) {
                first = first.or_else(|| Some(clock.monotonic().saturating_sub(begun)));
            }
        }
        first.ok_or(Error::Chat("the agent said nothing"))
    }
}

/// Memory and processor time of the handler while many answers come in.
async fn many(
    asking: &Asking,
    stand_ins: &StandIns,
    server: &Server,
) -> Result<(Option<u64>, Option<f64>), Error> {
    let behaviour = stand_ins.url().join("foundry/stand-in/behaviour");
    let behaviour = behaviour.map_err(Error::preparing("the stand-in's address"))?;
    let words = LIMIT.as_millis() / PAUSE.as_millis();
    let pace = json!({"slow_pause_ms": PAUSE.as_millis(), "slow_words": words});
    sent(asking.http.post(behaviour).json(&pace)).await?;
    let (begun, mut started) = mpsc::channel(STREAMS);
    let mut people = JoinSet::new();
    for (number, person) in crowd().iter().enumerate() {
        let request =
            TokenRequest::for_persona(person.name).with("oid", person.object_id.to_string());
        let token = stand_ins
            .mint(&request)
            .map_err(Error::preparing("a token"))?;
        let answers = (number..STREAMS).step_by(crowd().len()).count();
        people.spawn(person_asks(asking.clone(), token, answers, begun.clone()));
    }
    drop(begun);
    let all = async {
        for _ in 0..STREAMS {
            tokio::select! {
                Some(()) = started.recv() => {}
                Some(ended) = people.join_next() => {
                    ended.map_err(Error::preparing("chat"))??;
                    return Err(Error::Chat("answers ended too early"));
                }
                else => return Err(Error::Chat("answers ended too early")),
            }
        }
        Ok(())
    };
    timeout(LIMIT, all)
        .await
        .map_err(|_| Error::Chat("a thousand answers did not begin in time"))??;
    let watched = watch(server, asking.clock.as_ref()).await;
    if let Some(ended) = people.try_join_next() {
        ended.map_err(Error::preparing("chat"))??;
        return Err(Error::Chat("answers ended too early"));
    }
    Ok(watched)
}

/// Asks for so many answers at a time and reads them all; says when each has
/// begun.
async fn person_asks(
    asking: Asking,
    token: String,
    answers: usize,
    begun: mpsc::Sender<()>,
) -> Result<(), Error> {
    let mut streams = JoinSet::new();
    for _ in 0..answers {
        let session = asking.session(&token, SLOW).await?;
        let (asking, token, begun) = (asking.clone(), token.clone(), begun.clone());
        streams.spawn(async move {
            let answer = asking.words(&token, &session).await?;
            // Nobody listens any more once all have begun.
            let _ = begun.send(()).await;
            rest(answer).await
        });
    }
    while let Some(ended) = streams.join_next().await {
        ended.map_err(Error::preparing("chat"))??;
    }
    Ok(())
}

async fn watch(server: &Server, clock: &dyn Clock) -> (Option<u64>, Option<f64>) {
    let begun = clock.monotonic();
    let before = server.processor_time();
    let mut most = None;
    while clock.monotonic().saturating_sub(begun) < WATCHED {
        most = most.max(server.memory());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let taken = clock.monotonic().saturating_sub(begun).as_secs_f64();
    let used = server.processor_time().zip(before);
    let used = used.map(|(after, before)| after.saturating_sub(before).as_secs_f64() / taken);
    (most, used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_from_other_events() {
        let before = b"event: message.created\ndata: {}\n\n";
        assert!(!has_words(before));
        assert!(has_words(
            b"event: message.delta\ndata: {\"text\":\"a\"}\n\n"
        ));
        assert!(!has_words(b"event: message.del"));
    }

    #[test]
    fn the_crowd_may_ask_for_all_answers() {
        // `turns_of_one`, the handler's limit of one person.
        assert!(STREAMS <= 32 * crowd().len());
    }
}
