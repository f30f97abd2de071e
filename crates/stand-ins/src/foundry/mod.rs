//! Azure AI Foundry, under `/foundry`: one project with a cast of agents, over
//! the Responses API.
//!
//! The project's endpoint is `{base}/foundry/api/projects/demo`. Its doors:
//!
//! | path beneath the endpoint | role that opens it |
//! |---|---|
//! | `/agents`, `/agents/{name}` | Foundry User, or a role with `agents/read` |
//! | `/openai/v1/responses…`, `/openai/v1/conversations…` | Foundry User |
//! | `/agents/{name}/endpoint/protocols/openai/…` (the same two) | Foundry Agent Consumer or Foundry User |
//!
//! Every person is a Foundry Agent Consumer until the control surface says
//! otherwise; an application in its own name has no role, and never one that
//! talks to agents. What a person makes on the project route, every other Foundry
//! User can read: the service fences nobody there, and neither does this.
//!
//! | agent | what it does |
//! |---|---|
//! | `assistant` | says whose token it was called with and repeats what was said, word by word |
//! | `researcher` | calls a tool of an MCP server, then answers |
//! | `consenter` | asks for OAuth consent until it is given, then calls the tool |
//! | `approver` | asks for approval of a tool call, then follows the answer |
//! | `slow` | counts, with a pause before each word |
//! | `breaker` | answers, but the connection breaks after a few words |
//! | `failing` | begins and fails |
//! | `huge` | answers at great length |
//!
//! A response that is made with `background` goes on without a connection, can be
//! streamed again and cancelled; any other ends with its connection (`OpenAI` guide
//! "Background mode"; Microsoft: "Build with agents, conversations, and responses",
//! on background mode).
//!
//! # Control
//!
//! Beneath `/foundry/stand-in`, for programs and not for web pages (a request
//! with an `Origin` is refused):
//!
//! | route | body | effect |
//! |---|---|---|
//! | `POST /people/{persona}` | `{"role": "consumer", "user" or "none", "challenge": bool}` | the person's role in the project, and whether tokens without multifactor authentication meet a claims challenge |
//! | `POST /applications` | `{"role": "reader" or "none"}` | whether applications in their own name may list agents |
//! | `POST /agents/{name}` | `{"state": "enabled", "disabled" or "missing"}` | how an agent stands |
//! | `POST /consents/{persona}` | `{"granted": bool}` | the person's consent to the tool of `consenter` |
//! | `POST /behaviour` | [`control::Behaviour`], all members optional | how the agents behave; what is absent goes back to its default |
//! | `POST /reset` | | forgets everything |

mod agents;
mod body;
mod caller;
mod cast;
mod composer;
mod consent;
mod control;
mod conversations;
mod door;
mod problem;
mod records;
mod responses;
mod shelf;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use entrada_ambient::{Clock, Random};

use crate::encoding::lock;
use crate::entra::Entra;
use crate::frame::Context;
use control::Settings;
use problem::Problem;
use records::Records;

/// The one project there is.
const PROJECT: &str = "demo";

/// The state of the Foundry stand-in.
#[derive(Debug)]
struct Foundry {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    entra: Arc<Entra>,
    /// Base of this stand-in on the https port, without a slash at the end.
    consent_base: String,
    records: Mutex<Records>,
    settings: Mutex<Settings>,
}

impl Foundry {
    fn records(&self) -> MutexGuard<'_, Records> {
        lock(&self.records)
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    /// A new identifier: `resp_…`, `conv_…`.
    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.random.uuid_v4().simple())
    }
}

/// The routes, without their prefix.
pub(crate) fn router(context: &Context) -> Router {
    let foundry = Arc::new(Foundry {
        clock: Arc::clone(&context.clock),
        random: Arc::clone(&context.random),
        entra: Arc::clone(&context.entra),
        consent_base: consent::base(&context.public_url),
        records: Mutex::default(),
        settings: Mutex::default(),
    });
    let openai = Router::new()
        .route("/responses", post(responses::create))
        .route(
            "/responses/{id}",
            get(responses::read).delete(responses::delete),
        )
        .route("/responses/{id}/cancel", post(responses::cancel))
        .route("/responses/{id}/input_items", get(responses::input_items))
        .route("/conversations", post(conversations::create))
        .route(
            "/conversations/{id}",
            get(conversations::read)
                .post(conversations::update)
                .delete(conversations::delete),
        )
        .route(
            "/conversations/{id}/items",
            get(conversations::items).post(conversations::add_items),
        );
    let project = Router::new()
        .route("/agents", get(agents::list))
        .route("/agents/{agent}", get(agents::read))
        .nest("/openai/v1", openai.clone())
        .nest("/agents/{agent}/endpoint/protocols/openai", openai);
    Router::new()
        .nest("/api/projects/{project}", project)
        .route("/login", get(consent::page).post(consent::decide))
        .nest("/stand-in", control::router())
        .fallback(async || Problem::not_found("The requested resource was not found."))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "The method is not allowed here.",
            )
        })
        .with_state(foundry)
}
