//! Asking the person by a second round of the call (MCP 2026-07-28, "Multi
//! Round-Trip Requests"): before something is destroyed, and to open a link
//! where Entra wants something first.
//!
//! Clients that cannot ask decide for themselves by the tool's
//! `destructiveHint`, as they did before that version.

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ElicitResult, ElicitationAction, ErrorData,
    InputRequiredResult, InputResponses, JsonObject, Tool as ToolDefinition,
};
use rmcp::service::{RequestContext, RoleServer};
use serde_json::{Value, json};

use super::{RequestStates, ToolError};
use crate::auth::step_up::StepUpLink;
use crate::error::chain;
use crate::identity::Principal;
use crate::text::{beginning, hash};

/// The key of the question whether a call is meant.
const KEY: &str = "confirmation";

/// The key of the request to open a link.
const LINK: &str = "step_up";

/// The answer's field.
const FIELD: &str = "confirm";

/// Most characters of arguments that a question shows.
const SHOWN: usize = 500;

/// What a client brings for a further round of a call.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Whether the client can ask the person something, and expects to.
    asks: bool,
    /// Whether the client can have the person open a link, and has not yet
    /// in this call.
    opens: bool,
    state: Option<String>,
    responses: Option<InputResponses>,
}

/// What came of asking.
pub(super) enum Confirmation {
    /// It is meant, or the client cannot ask.
    Given,
    /// The person does not want it.
    Declined,
    /// The question is on its way.
    Asked(Box<InputRequiredResult>),
}

impl Round {
    /// Takes the round out of a request.
    pub(super) fn take(
        request: &mut CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Self {
        let in_rounds = context
            .protocol_version()
            .is_some_and(|version| !version.has_initialize());
        // `elicitation: {}` means forms (MCP, "Elicitation", capabilities).
        let elicitation = context
            .client_capabilities()
            .and_then(|declared| declared.elicitation);
        let (forms, links) = elicitation.map_or((false, false), |elicitation| {
            let links = elicitation.url.is_some();
            (elicitation.form.is_some() || !links, links)
        });
        let responses = request.input_responses.take();
        let opened = responses
            .as_ref()
            .is_some_and(|responses| responses.contains_key(LINK));
        Self {
            asks: in_rounds && forms,
            opens: in_rounds && links && !opened,
            state: request.request_state.take(),
            responses,
        }
    }

    /// Whether the client can have the person open a link now.
    pub(super) fn opens(&self) -> bool {
        self.opens
    }

    /// What the person says to a call of a destructive tool.
    pub(super) fn confirmation(
        &self,
        states: &RequestStates,
        caller: &Principal,
        tool: &ToolDefinition,
        arguments: Option<&JsonObject>,
    ) -> Result<Confirmation, ErrorData> {
        if !self.asks {
            return Ok(Confirmation::Given);
        }
        let arguments = serde_json::to_string(&arguments).unwrap_or_default();
        let binding = [
            caller.tenant_id().to_string(),
            caller.object_id().to_string(),
            tool.name.to_string(),
            hash(&arguments),
        ];
        let binding = binding.each_ref().map(String::as_str);
        let Some(state) = &self.state else {
            return ask(states, tool, &arguments, &binding);
        };
        if !states
            .holds(state, &binding)
            .map_err(|error| later(&error))?
        {
            return Err(ErrorData::invalid_params(
                "The requestState does not belong to this call, or is older than ten minutes. \
                 Make the call again without it.",
                None,
            ));
        }
        match self.answer() {
            Some(ElicitResult {
                action: ElicitationAction::Accept,
                content: Some(content),
                ..
            }) if content.get(FIELD).is_some_and(Value::is_boolean) => {
                Ok(if content.get(FIELD) == Some(&Value::Bool(true)) {
                    Confirmation::Given
                } else {
                    Confirmation::Declined
                })
            }
            Some(ElicitResult {
                action: ElicitationAction::Decline | ElicitationAction::Cancel,
                ..
            }) => Ok(Confirmation::Declined),
            // No answer, or none that can be understood.
            _ => ask(states, tool, &arguments, &binding),
        }
    }

    fn answer(&self) -> Option<ElicitResult> {
        let answer = self.responses.as_ref()?.get(KEY)?;
        serde_json::from_value(answer.clone()).ok()
    }
}

fn ask(
    states: &RequestStates,
    tool: &ToolDefinition,
    arguments: &str,
    binding: &[&str],
) -> Result<Confirmation, ErrorData> {
    let state = states.issue(binding).map_err(|error| later(&error))?;
    let title = tool.title.as_deref().unwrap_or(&tool.name);
    let shown = beginning(arguments, SHOWN);
    let question = json!({
        "resultType": "input_required",
        "requestState": state,
        "inputRequests": {KEY: {"method": "elicitation/create", "params": {
            "mode": "form",
            "message": format!("{title}: {shown} This cannot be undone."),
            "requestedSchema": {
                "type": "object",
                "properties": {FIELD: {
                    "type": "boolean",
                    "title": title,
                    "description": "Whether to go on",
                    "default": false,
                }},
                "required": [FIELD],
            },
        }}},
    });
    let question = serde_json::from_value(question)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    Ok(Confirmation::Asked(Box::new(question)))
}

/// The request to open the link of an error, in the place of the error. The
/// client makes the call again when the person is done.
pub(super) fn open(error: &ToolError, link: &StepUpLink) -> Result<CallToolResponse, ErrorData> {
    let id = hash(link.expose());
    let request = json!({
        "resultType": "input_required",
        "inputRequests": {LINK: {"method": "elicitation/create", "params": {
            "mode": "url",
            "message": error.message(),
            "url": link.expose(),
            "elicitationId": id,
        }}},
    });
    serde_json::from_value::<InputRequiredResult>(request)
        .map(Into::into)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn later(error: &dyn std::error::Error) -> ErrorData {
    tracing::warn!(error = chain(error), "a person could not be asked");
    ErrorData::internal_error(
        "This server has no keys right now, so the call was not made. Try again shortly.",
        None,
    )
}
