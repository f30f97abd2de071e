use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::stream::unfold;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::Foundry;
use super::agents::{MODEL, VERSION};
use super::body::Create;
use super::cast::{self, Scene};
use super::composer::{Composer, Composition};
use super::door::Door;
use super::problem::Problem;
use super::records::{Found, Parts, Record, run};

/// How long what was sent has to arrive before a connection is broken.
const FLUSH: Duration = Duration::from_millis(20);

/// `POST …/responses`
pub(super) async fn create(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let create = Create::read(&headers, &body)?;
    let agent = agent(&foundry, &door, &create)?;
    let before = foundry.before(&door, &create)?;
    let (composition, id) = foundry.compose(&door, &create, agent, &before)?;
    let weight = composition.steps.iter().map(|step| step.frame.len()).sum();
    let input = foundry.kept(&create.input);
    let record = Arc::new(Record::new(Parts {
        id: id.clone(),
        agent,
        conversation: create.conversation.clone(),
        input: input.clone(),
        turn: before.turns + 1,
        background: create.background,
        response: composition.first,
    }));
    {
        let mut records = foundry.records();
        if let Some(conversation) = &create.conversation {
            records.append(conversation, &input);
        }
        if create.store {
            records.responses.insert(id, Arc::clone(&record), weight);
        }
    }
    let paced = composition.steps.iter().any(|step| !step.pause.is_zero());
    let running = run(
        Arc::clone(&foundry),
        Arc::clone(&record),
        composition.steps,
        composition.last,
    );
    if paced {
        tokio::spawn(running);
    } else {
        running.await;
    }
    if create.stream {
        let break_after =
            (agent == Some("breaker")).then(|| foundry.settings().behaviour.breaker_after);
        return Ok(stream(record, 0, break_after));
    }
    if !create.background {
        record.ended().await;
    }
    Ok(Json(record.response()).into_response())
}

/// `GET …/responses/{id}`, with `stream=true[&starting_after=N]` its events.
pub(super) async fn read(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
) -> Result<Response, Problem> {
    let record = foundry.response(&door)?;
    let after =
        match door.query.get("starting_after") {
            None => None,
            Some(number) => Some(number.parse::<usize>().map_err(|_| {
                Problem::parameter("invalid_type", "starting_after", "Invalid type")
            })?),
        };
    match door.query.get("stream").map(String::as_str) {
        // As the service words it for a response that was not made in the
        // background (azure-sdk-for-python, issue 46015); the code is inferred.
        Some("true") if !record.background => Err(Problem::invalid(
            "invalid_value",
            "Streaming is not enabled for this response.",
        )),
        Some("true") => {
            let behaviour = foundry.settings().behaviour.clone();
            let breaks = record.agent == Some("breaker") && behaviour.breaker_resumed;
            let break_after = breaks.then_some(behaviour.breaker_after);
            let first = after.map_or(0, |number| number.saturating_add(1));
            Ok(stream(record, first, break_after))
        }
        None | Some("false") if after.is_none() => Ok(Json(record.response()).into_response()),
        None | Some("false") => Err(Problem::parameter(
            "invalid_value",
            "starting_after",
            "Only with stream=true",
        )),
        Some(_) => Err(Problem::parameter("invalid_type", "stream", "Invalid type")),
    }
}

/// `DELETE …/responses/{id}`
pub(super) async fn delete(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
) -> Result<Json<Value>, Problem> {
    let record = foundry.response(&door)?;
    record.cancel();
    foundry.records().responses.remove(&record.id);
    Ok(Json(
        json!({"id": record.id, "object": "response", "deleted": true}),
    ))
}

/// `POST …/responses/{id}/cancel`
pub(super) async fn cancel(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
) -> Result<Json<Value>, Problem> {
    let record = foundry.response(&door)?;
    if !record.background {
        return Err(Problem::invalid(
            "invalid_value",
            "Only a response that was made in the background can be cancelled.",
        ));
    }
    record.cancel();
    Ok(Json(record.response()))
}

/// `GET …/responses/{id}/input_items`
pub(super) async fn input_items(
    State(foundry): State<Arc<Foundry>>,
    door: Door,
) -> Result<Json<Value>, Problem> {
    let record = foundry.response(&door)?;
    Ok(Json(
        json!({"object": "list", "data": record.input, "has_more": false}),
    ))
}

/// The agent that a request is for. At its endpoint the path names it and the
/// body must not; on the project route the body names it, or else a model.
fn agent(foundry: &Foundry, door: &Door, create: &Create) -> Result<Option<&'static str>, Problem> {
    if let Some(endpoint) = door.endpoint {
        if create.agent.is_some() {
            return Err(Problem::parameter(
                "invalid_payload",
                "agent_reference",
                "Not allowed on an agent's endpoint",
            ));
        }
        return Ok(Some(endpoint.name));
    }
    match (&create.agent, create.model.as_deref()) {
        (Some(_), Some(_)) => Err(Problem::parameter(
            "invalid_payload",
            "model",
            "Not allowed when agent is specified",
        )),
        (Some((name, version)), None) => {
            let agent = foundry.settings().enabled(name)?;
            match version.as_deref() {
                None | Some(VERSION) => Ok(Some(agent.name)),
                Some(version) => Err(Problem::not_found(format!(
                    "Agent {name} with version {version} not found."
                ))),
            }
        }
        (None, Some(MODEL)) => Ok(None),
        (None, Some(_)) => Err(Problem::not_found("The deployment does not exist.")),
        (None, None) => Err(Problem::parameter(
            "missing_required_parameter",
            "model",
            "Missing required parameter",
        )),
    }
}

/// What came before a request, in its conversation or its chain of responses.
struct Before {
    turns: usize,
    /// Output items and input items, any of which may be asked about.
    items: Vec<Value>,
}

impl Foundry {
    fn before(&self, door: &Door, create: &Create) -> Result<Before, Problem> {
        let records = self.records();
        if let Some(id) = &create.conversation {
            let conversation = records
                .conversations
                .get(id)
                .filter(|conversation| door.shows(conversation.agent))
                .ok_or_else(|| {
                    Problem::not_found(format!("Conversation with id '{id}' not found."))
                })?;
            let said = |item: &&Value| item["role"] == "user";
            return Ok(Before {
                turns: conversation.items.iter().filter(said).count(),
                items: conversation.items.clone(),
            });
        }
        let Some(id) = &create.previous_response_id else {
            return Ok(Before {
                turns: 0,
                items: Vec::new(),
            });
        };
        let previous = records
            .responses
            .get(id)
            .filter(|record| door.shows(record.agent))
            .ok_or_else(|| {
                Problem::invalid(
                    "previous_response_not_found",
                    format!("Previous response with id '{id}' not found."),
                )
            })?;
        let response = previous.response();
        Ok(Before {
            turns: previous.turn,
            items: response
                .get("output")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
        })
    }

    fn compose(
        &self,
        door: &Door,
        create: &Create,
        agent: Option<&'static str>,
        before: &Before,
    ) -> Result<(Composition, String), Problem> {
        let approval = approval(create, before)?;
        let id = self.id("resp");
        let (behaviour, consented, consent_link) = self.consent(door, agent);
        let scene = Scene {
            caller: &door.caller,
            said: &create.said(),
            turn: before.turns + 1,
            approval,
            consented,
            consent_link: &consent_link,
            behaviour: &behaviour,
        };
        let composer = Composer::begin(self, self.skeleton(&id, door, create, agent));
        Ok((cast::play(agent, &scene, composer), id))
    }

    /// How agents behave, whether the caller consented to the tool, and where
    /// to do so.
    fn consent(
        &self,
        door: &Door,
        agent: Option<&str>,
    ) -> (super::control::Behaviour, bool, String) {
        let object_id = &door.caller.object_id;
        let mut settings = self.settings();
        let behaviour = settings.behaviour.clone();
        let consented = settings.consented(object_id);
        let link = match &behaviour.consent_link {
            Some(link) => link.clone(),
            None if agent == Some("consenter") && !consented => {
                let state = self.random.secret();
                settings.tickets.add(state.clone(), object_id);
                format!("{}/login?data={state}", self.consent_base)
            }
            None => String::new(),
        };
        (behaviour, consented, link)
    }

    /// A response before anything was said.
    fn skeleton(&self, id: &str, door: &Door, create: &Create, agent: Option<&str>) -> Value {
        let mut response = json!({
            "id": id,
            "object": "response",
            "created_at": self.clock.unix(),
            "completed_at": null,
            "status": "in_progress",
            "background": create.background,
            "conversation": create.conversation.as_ref().map(|id| json!({"id": id})),
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "max_output_tokens": null,
            "max_tool_calls": null,
            "metadata": create.metadata,
            "model": MODEL,
            "output": [],
            "parallel_tool_calls": true,
            "previous_response_id": create.previous_response_id,
            "reasoning": {"effort": null, "summary": null},
            "service_tier": "default",
            "store": create.store,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_logprobs": 0,
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": null,
            "user": null,
        });
        let mut more = Map::new();
        if let Some(name) = agent {
            let reference = json!({"type": "agent_reference", "name": name, "version": VERSION});
            more.insert("agent_reference".to_owned(), reference);
        }
        if door.endpoint.is_some() {
            more.insert("agent_session_id".to_owned(), json!(self.id("session")));
        }
        if let Some(members) = response.as_object_mut() {
            members.extend(more);
        }
        response
    }

    /// The stored response that the path names.
    fn response(&self, door: &Door) -> Result<Arc<Record>, Problem> {
        let id = &door.id;
        self.records()
            .responses
            .get(id)
            .filter(|record| door.shows(record.agent))
            .cloned()
            .ok_or_else(|| Problem::not_found(format!("Response with id '{id}' not found.")))
    }
}

/// The user's answer to an approval request, which must have been made.
fn approval<'a>(create: &'a Create, before: &Before) -> Result<Option<(&'a str, bool)>, Problem> {
    let Some(answer) = create
        .input
        .iter()
        .find(|item| item["type"] == "mcp_approval_response")
    else {
        return Ok(None);
    };
    let id = answer["approval_request_id"].as_str().unwrap_or_default();
    let asked = before
        .items
        .iter()
        .any(|item| item["type"] == "mcp_approval_request" && item["id"] == id);
    if !asked {
        return Err(Problem::invalid(
            "invalid_value",
            format!("Approval request '{id}' was not found in the input."),
        ));
    }
    Ok(Some((id, answer["approve"] == true)))
}

/// Where a reader of a response's events is.
struct Reader {
    record: Arc<Record>,
    changes: watch::Receiver<()>,
    place: usize,
    /// Pieces of text until the connection breaks.
    left: Option<usize>,
}

impl Drop for Reader {
    /// The connection has ended, and with it a response that was not made in
    /// the background (`OpenAI` guide "Background mode": such a response is
    /// cancelled by ending its connection).
    fn drop(&mut self) {
        if !self.record.background {
            self.record.cancel();
        }
    }
}

/// Streams a response's events from the one at `first` on, until a connection
/// that is to break has sent `break_after` pieces of text.
fn stream(record: Arc<Record>, first: usize, break_after: Option<usize>) -> Response {
    let reader = Reader {
        changes: record.changes(),
        record,
        place: first,
        left: break_after,
    };
    let headers = [
        (CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(unfold(reader, next))).into_response()
}

async fn next(mut reader: Reader) -> Option<(std::io::Result<Bytes>, Reader)> {
    if reader.left == Some(0) {
        tokio::time::sleep(FLUSH).await;
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        return Some((Err(broken), reader));
    }
    loop {
        match reader.record.frame(reader.place) {
            Found::Frame(frame) => {
                reader.place += 1;
                if frame.starts_with("event: response.output_text.delta\n") {
                    reader.left = reader.left.map(|left| left - 1);
                }
                return Some((Ok(frame.into()), reader));
            }
            Found::End => return None,
            Found::Later => reader.changes.changed().await.ok()?,
        }
    }
}
