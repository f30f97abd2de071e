use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::ORIGIN;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::Foundry;
use super::agents::{self, Agent};
use super::caller::Caller;
use super::consent::Tickets;
use super::problem::Problem;
use crate::directory::{self, Persona};

/// What the control surface has changed.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) behaviour: Behaviour,
    pub(super) tickets: Tickets,
    /// By object id.
    people: HashMap<String, Person>,
    /// Object ids of those who consented to the tool of `consenter`.
    consents: HashSet<String>,
    /// Of applications in their own name; none by default.
    application_role: Option<Role>,
    /// Agents that are not as they were made, by name.
    agents: HashMap<String, Standing>,
}

/// How an agent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    /// It can be called.
    Enabled,
    /// It is there and cannot be called.
    Disabled,
    /// It was deleted.
    Missing,
}

/// A role in the project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    /// Foundry Agent Consumer: may talk to agents at their endpoints.
    #[default]
    Consumer,
    /// A role with the data action `agents/read` alone: which agents there are.
    Reader,
    /// Foundry User: everything.
    User,
    /// None.
    None,
}

/// A person in the project.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Person {
    role: Role,
    challenge: bool,
}

/// How the agents behave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Behaviour {
    /// Pause of `slow` before each word, milliseconds, at most 60,000.
    pub(super) slow_pause_ms: u64,
    /// Words that `slow` says, at most 10,000.
    pub(super) slow_words: usize,
    /// Pieces of text after which `breaker` loses the connection.
    pub(super) breaker_after: usize,
    /// Whether resumed streams of `breaker` break again.
    pub(super) breaker_resumed: bool,
    /// Length of what `huge` says, in bytes, at most 8 MiB.
    pub(super) huge_bytes: usize,
    /// In which shape `consenter` asks.
    pub(super) consent_shape: ConsentShape,
    /// Link of `consenter` in place of a working one.
    pub(super) consent_link: Option<String>,
    /// Whether a response that asks for consent ends as incomplete.
    pub(super) consent_incomplete: bool,
    /// An opt-in of the `Foundry-Features` header that the endpoints insist on.
    pub(super) required_feature: Option<String>,
    /// Agents that a page of their list has at most, whatever is asked for.
    pub(super) agents_page: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            slow_pause_ms: 250,
            slow_words: 20,
            breaker_after: 3,
            breaker_resumed: false,
            huge_bytes: 600_000,
            consent_shape: ConsentShape::All,
            consent_link: None,
            consent_incomplete: false,
            required_feature: None,
            agents_page: 100,
        }
    }
}

/// The shapes in which a consent request arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ConsentShape {
    /// Each of them.
    All,
    /// `response.output_item.added`.
    Added,
    /// `response.output_item.done`.
    Done,
    /// `response.oauth_consent_requested`.
    Event,
    /// An entry of the final output.
    Output,
}

impl Settings {
    /// The role of a caller. An application has none that talks to agents.
    pub(super) fn role(&self, caller: &Caller) -> Role {
        if !caller.is_application {
            return self.person(&caller.object_id).role;
        }
        match self.application_role {
            Some(Role::Reader | Role::User) => Role::Reader,
            _ => Role::None,
        }
    }

    /// How an agent stands.
    pub(super) fn standing(&self, agent: &Agent) -> Standing {
        let changed = self.agents.get(agent.name).copied();
        changed.unwrap_or(Standing::Enabled)
    }

    /// The agent of this name, if there is one.
    pub(super) fn agent(&self, name: &str) -> Result<&'static Agent, Problem> {
        let agent = agents::find(name)?;
        if self.standing(agent) == Standing::Missing {
            return Err(agents::unknown(name));
        }
        Ok(agent)
    }

    /// The agent of this name, if it can be called.
    pub(super) fn enabled(&self, name: &str) -> Result<&'static Agent, Problem> {
        let agent = self.agent(name)?;
        if self.standing(agent) == Standing::Disabled {
            let message = format!("Agent {name} is disabled");
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "agent_disabled",
                message,
            ));
        }
        Ok(agent)
    }

    pub(super) fn challenges(&self, object_id: &str) -> bool {
        self.person(object_id).challenge
    }

    fn person(&self, object_id: &str) -> Person {
        self.people.get(object_id).copied().unwrap_or_default()
    }

    pub(super) fn consented(&self, object_id: &str) -> bool {
        self.consents.contains(object_id)
    }

    pub(super) fn consent(&mut self, object_id: &str, granted: bool) {
        if granted {
            self.consents.insert(object_id.to_owned());
        } else {
            self.consents.remove(object_id);
        }
    }
}

/// The control surface, without its prefix.
pub(super) fn router() -> Router<Arc<Foundry>> {
    Router::new()
        .route("/people/{persona}", post(people))
        .route("/consents/{persona}", post(consents))
        .route("/agents/{name}", post(agent))
        .route("/applications", post(applications))
        .route("/behaviour", post(behaviour))
        .route("/reset", post(reset))
        .layer(from_fn(programs_only))
}

/// Middleware: browsers send an `Origin` with every POST, programs do not.
async fn programs_only(request: Request, next: Next) -> Response {
    if request.headers().contains_key(ORIGIN) {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "The stand-ins are not controlled from a web page.",
        )
        .into_response();
    }
    next.run(request).await
}

fn known(name: &str) -> Result<&'static Persona, Problem> {
    directory::persona(name)
        .ok_or_else(|| Problem::not_found(format!("There is no persona {name}.")))
}

fn body<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    match body {
        Ok(Json(value)) => Ok(value),
        Err(rejection) => Err(Problem::new(
            rejection.status(),
            "invalid_body",
            rejection.body_text(),
        )),
    }
}

async fn people(
    State(foundry): State<Arc<Foundry>>,
    Path(name): Path<String>,
    change: Result<Json<Person>, JsonRejection>,
) -> Result<Json<Person>, Problem> {
    let (persona, person) = (known(&name)?, body(change)?);
    let object_id = persona.object_id.to_string();
    foundry.settings().people.insert(object_id, person);
    Ok(Json(person))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsentChange {
    granted: bool,
}

async fn consents(
    State(foundry): State<Arc<Foundry>>,
    Path(name): Path<String>,
    change: Result<Json<ConsentChange>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let (persona, change) = (known(&name)?, body(change)?);
    let object_id = persona.object_id.to_string();
    foundry.settings().consent(&object_id, change.granted);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentChange {
    state: Standing,
}

async fn agent(
    State(foundry): State<Arc<Foundry>>,
    Path(name): Path<String>,
    change: Result<Json<AgentChange>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let (agent, change) = (agents::find(&name)?, body(change)?);
    let name = agent.name.to_owned();
    foundry.settings().agents.insert(name, change.state);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplicationsChange {
    role: Role,
}

async fn applications(
    State(foundry): State<Arc<Foundry>>,
    change: Result<Json<ApplicationsChange>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    foundry.settings().application_role = Some(body(change)?.role);
    Ok(StatusCode::NO_CONTENT)
}

async fn behaviour(
    State(foundry): State<Arc<Foundry>>,
    change: Result<Json<Behaviour>, JsonRejection>,
) -> Result<Json<Behaviour>, Problem> {
    let behaviour = body(change)?;
    let within = behaviour.slow_pause_ms <= 60_000
        && behaviour.slow_words <= 10_000
        && behaviour.huge_bytes <= 8 * 1024 * 1024
        && behaviour.agents_page > 0;
    if !within {
        return Err(Problem::invalid(
            "invalid_value",
            "A figure is out of range.",
        ));
    }
    foundry.settings().behaviour = behaviour.clone();
    Ok(Json(behaviour))
}

async fn reset(State(foundry): State<Arc<Foundry>>) -> StatusCode {
    *foundry.settings() = Settings::default();
    *foundry.records() = super::Records::default();
    StatusCode::NO_CONTENT
}
