use serde_json::value::RawValue;

use super::call::{Asked, Call};
use super::invocation_context::InvocationContext;
use super::params::Members;
use super::trigger_text::{Pairs, TransportText, TriggerText};
use crate::functions::{McpPromptTrigger, McpResourceTrigger, McpToolTrigger};
use crate::invocation::{Payload, Sys};
use crate::json;

/// The body that a tool's function gets: the call as a text in `Data`, encoded
/// twice, beside the arguments that inputs show, and `Metadata` with what the
/// extension and the host add.
pub(crate) fn tool_payload(
    trigger: &McpToolTrigger,
    call: &Call,
    sys: &Sys,
) -> serde_json::Result<Payload> {
    let mut payload = payload(&trigger.binding, "mcptoolcontext", call, sys)?;
    for (binding, property) in &trigger.properties {
        payload.add_data_text(binding, &argument_text(call, property))?;
    }
    add_argument_texts(&mut payload, "mcptoolargs", call)?;
    Ok(payload)
}

/// The body that a prompt's function gets.
pub(super) fn prompt_payload(
    trigger: &McpPromptTrigger,
    call: &Call,
    sys: &Sys,
) -> serde_json::Result<Payload> {
    let mut payload = payload(&trigger.binding, "mcppromptcontext", call, sys)?;
    add_argument_texts(&mut payload, "mcppromptargs", call)?;
    Ok(payload)
}

/// The body that a resource's function gets, the values of a template's
/// parameters among its metadata.
pub(super) fn resource_payload(
    trigger: &McpResourceTrigger,
    call: &Call,
    sys: &Sys,
) -> serde_json::Result<Payload> {
    let mut payload = payload(&trigger.binding, "mcpresourcecontext", call, sys)?;
    if let Asked::Resource { uri } = &call.what {
        payload.add_metadata_text("mcpresourceuri", uri)?;
        for (name, value) in trigger.uri.values(uri).unwrap_or_default() {
            payload.add_metadata_text(&name, &value)?;
        }
    }
    Ok(payload)
}

/// What the three have in common. `context` is the extension's name of the call
/// as an object.
fn payload(binding: &str, context: &str, call: &Call, sys: &Sys) -> serde_json::Result<Payload> {
    let text = json::escaped(&serde_json::to_string(&TriggerText::of(call))?);
    let mut payload = Payload::new(sys)?;
    add_copies(&mut payload, call)?;
    payload.add_data_text(binding, &text)?;
    payload.add_metadata(context, &InvocationContext::of(call))?;
    payload.add_metadata_text(binding, &text)?;
    if let Some(id) = &call.transport.session_id {
        payload.add_metadata_text("mcpsessionid", id)?;
    }
    Ok(payload)
}

/// The host copies the members of a trigger text that is a JSON object, arrays
/// aside, into the metadata (azure-functions-host, `Utility.ApplyBindingData`).
fn add_copies(payload: &mut Payload, call: &Call) -> serde_json::Result<()> {
    match &call.what {
        Asked::Named { name, arguments } => {
            payload.add_metadata_text("name", name)?;
            if let Some(arguments) = arguments {
                payload.add_metadata("arguments", &Pairs(arguments))?;
            }
        }
        Asked::Resource { uri } => payload.add_metadata_text("uri", uri)?,
    }
    if let Some(id) = &call.transport.session_id {
        payload.add_metadata_text("sessionid", id)?;
    }
    if let Some(client) = &call.transport.client_info {
        payload.add_metadata("clientinfo", client)?;
    }
    payload.add_metadata("transport", &TransportText::of(&call.transport))
}

fn add_argument_texts(payload: &mut Payload, name: &str, call: &Call) -> serde_json::Result<()> {
    let Some(arguments) = arguments(call) else {
        return Ok(());
    };
    let texts: Vec<_> = arguments
        .iter()
        .map(|(name, value)| (name.clone(), dotnet_text(value)))
        .collect();
    payload.add_metadata(name, &Pairs(&texts))
}

fn arguments(call: &Call) -> Option<&Members> {
    match &call.what {
        Asked::Named { arguments, .. } => arguments.as_ref(),
        Asked::Resource { .. } => None,
    }
}

/// What an `mcpToolProperty` input shows of an argument; an absent one is an
/// empty text.
fn argument_text(call: &Call, name: &str) -> String {
    arguments(call)
        .into_iter()
        .flatten()
        .find(|(other, _)| other == name)
        .map_or_else(String::new, |(_, value)| dotnet_text(value))
}

/// .NET's `JsonElement.ToString`.
fn dotnet_text(value: &RawValue) -> String {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str(text).unwrap_or_default(),
        Some(b't') => "True".to_owned(),
        Some(b'f') => "False".to_owned(),
        Some(b'n') => String::new(),
        _ => text.to_owned(),
    }
}
