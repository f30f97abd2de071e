use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::super::Entra;
use super::super::error::{EntraError, OAuthError};
use super::super::exchange::Exchange;
use super::super::pages;
use super::super::parameters::Parameters;
use super::super::refusal;
use super::flow::Flow;
use super::refuse;
use super::request::{AuthorizeRequest, Invalid};
use super::session::Session;
use crate::directory::{self, Kind};

const PURPOSE: &str = "flow";

/// How long a page may stay open, in seconds. Inferred: Entra's flow tokens
/// end, after a time that is not documented.
const PATIENCE: i64 = 3600;

/// The request that a page's form carries along, so that nothing about it is
/// kept here.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FlowContext {
    tenant: String,
    parameters: String,
    session: Option<Session>,
    issued: i64,
}

impl FlowContext {
    pub(super) fn of(entra: &Entra, request: &AuthorizeRequest, session: Option<Session>) -> Self {
        Self {
            tenant: request.tenant.clone(),
            parameters: request.parameters.clone(),
            session,
            issued: entra.clock.unix(),
        }
    }

    pub(super) fn seal(&self, entra: &Entra) -> String {
        entra.seal.seal(PURPOSE, self)
    }

    fn open(entra: &Entra, parameters: &Parameters) -> Result<Self, EntraError> {
        entra
            .seal
            .open_value::<Self>(PURPOSE, parameters.required("context")?)
            .filter(|context| context.issued + PATIENCE > entra.clock.unix())
            .ok_or_else(|| {
                EntraError::new(
                    50089,
                    OAuthError::InvalidRequest,
                    "Authentication failed due to flow token expired.",
                )
            })
    }
}

/// A form that was sent, with the request that it belongs to.
struct Submitted {
    parameters: Parameters,
    request: AuthorizeRequest,
    session: Option<Session>,
}

fn submitted(entra: &Entra, body: &[u8]) -> Result<Submitted, Invalid> {
    let parameters = Parameters::parse(body).map_err(Invalid::Page)?;
    let context = FlowContext::open(entra, &parameters).map_err(Invalid::Page)?;
    Ok(Submitted {
        request: AuthorizeRequest::parse(entra, &context.tenant, context.parameters)?,
        session: context.session,
        parameters,
    })
}

/// `POST /{tenant}/login`: an account was chosen, or none.
pub(in super::super) async fn sign_in(
    State(entra): State<Arc<Entra>>,
    exchange: Exchange,
    body: Bytes,
) -> Response {
    let submitted = match submitted(&entra, &body) {
        Ok(submitted) => submitted,
        Err(invalid) => return refuse(&exchange, &invalid),
    };
    if submitted.parameters.get("decision") == Some("cancel") {
        return Flow::new(&entra, &exchange, &submitted.request).cancelled();
    }
    let chosen = submitted
        .parameters
        .get("persona")
        .and_then(directory::persona)
        .filter(|persona| persona.kind == Kind::User);
    match chosen {
        Some(persona) => Flow::new(&entra, &exchange, &submitted.request).signed_in(persona),
        None => pages::error(&refusal::missing_parameter("persona"), &exchange.trace),
    }
}

/// `POST /{tenant}/consent`: the consent page was accepted or not.
pub(in super::super) async fn consent(
    State(entra): State<Arc<Entra>>,
    exchange: Exchange,
    body: Bytes,
) -> Response {
    let submitted = match submitted(&entra, &body) {
        Ok(submitted) => submitted,
        Err(invalid) => return refuse(&exchange, &invalid),
    };
    let flow = Flow::new(&entra, &exchange, &submitted.request);
    let Some(session) = submitted.session else {
        return pages::error(&refusal::missing_parameter("context"), &exchange.trace);
    };
    let decision = submitted.parameters.get("decision");
    match (decision, session.person(&entra)) {
        (Some("accept"), Some(persona)) => flow.authorized(persona, &session, true),
        (Some("leave"), _) => flow.declined(true),
        (_, Some(_)) => flow.declined(false),
        (_, None) => pages::error(&refusal::disabled_account(), &exchange.trace),
    }
}
