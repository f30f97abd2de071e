use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::functions::McpToolTrigger;
use crate::invocation::{Payload, Sys};
use crate::json;

/// A call of a tool, as the extension hands it to a function.
#[derive(Debug)]
pub(crate) struct ToolCall {
    /// As the client wrote it, whatever the tool's own spelling.
    pub(crate) name: String,
    /// In their order, values as written; `None` when the call has none.
    pub(crate) arguments: Option<Vec<(String, Box<RawValue>)>>,
    pub(crate) transport: Transport,
}

/// How a call came.
#[derive(Debug)]
pub(crate) struct Transport {
    /// Which of the two doors.
    pub(crate) name: &'static str,
    /// Who the client says it is, which the streamable door does not keep.
    pub(crate) client_info: Option<ClientInfo>,
    /// The session id that the client sent.
    pub(crate) session_id: Option<String>,
    /// Every header of the client's request.
    pub(crate) headers: Vec<(String, String)>,
}

/// A client's own description.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ClientInfo {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    version: String,
}

/// The name of the streamable door.
pub(crate) const STREAMABLE: &str = "http-streamable";

/// The body that a tool's function gets: the call as a text in `Data`, encoded
/// twice, and `Metadata` with what the extension and the host add.
pub(crate) fn tool_payload(
    trigger: &McpToolTrigger,
    call: &ToolCall,
    sys: &Sys,
) -> serde_json::Result<Payload> {
    let text = json::escaped(&serde_json::to_string(&TriggerText::of(call))?);
    let mut payload = Payload::new(sys)?;
    payload.add_data_text(&trigger.binding, &text)?;
    for (binding, property) in &trigger.properties {
        payload.add_data_text(binding, &call.argument_text(property))?;
    }
    payload.add_metadata("mcptoolcontext", &Context::of(call))?;
    payload.add_metadata_text(&trigger.binding, &text)?;
    if let Some(id) = &call.transport.session_id {
        payload.add_metadata_text("mcpsessionid", id)?;
    }
    if let Some(arguments) = &call.arguments {
        let texts: Vec<_> = arguments
            .iter()
            .map(|(name, value)| (name.clone(), dotnet_text(value)))
            .collect();
        payload.add_metadata("mcptoolargs", &Pairs(&texts))?;
    }
    add_copies(&mut payload, call)?;
    Ok(payload)
}

/// The host copies the members of a trigger text that is a JSON object, arrays
/// aside, into the metadata (azure-functions-host, `Utility.ApplyBindingData`).
fn add_copies(payload: &mut Payload, call: &ToolCall) -> serde_json::Result<()> {
    payload.add_metadata_text("name", &call.name)?;
    if let Some(arguments) = &call.arguments {
        payload.add_metadata("arguments", &Pairs(arguments))?;
    }
    if let Some(id) = &call.transport.session_id {
        payload.add_metadata_text("sessionid", id)?;
    }
    payload.add_metadata("transport", &TransportText::of(&call.transport))
}

impl ToolCall {
    /// What an `mcpToolProperty` input shows of an argument; an absent one is
    /// an empty text.
    fn argument_text(&self, name: &str) -> String {
        self.arguments
            .iter()
            .flatten()
            .find(|(other, _)| other == name)
            .map_or_else(String::new, |(_, value)| dotnet_text(value))
    }
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

/// .NET's `JsonValueKind`.
fn value_kind(value: &RawValue) -> u8 {
    match value.get().as_bytes().first() {
        Some(b'{') => 1,
        Some(b'[') => 2,
        Some(b'"') => 3,
        Some(b't') => 5,
        Some(b'f') => 6,
        Some(b'n') => 7,
        _ => 4,
    }
}

/// Pairs that become the members of an object, in their order.
#[derive(Debug)]
struct Pairs<'a, V>(&'a [(String, V)]);

impl<V: Serialize> Serialize for Pairs<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The trigger's text: `ToolInvocationContext`, absent members left out.
#[derive(Serialize)]
struct TriggerText<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Pairs<'a, Box<RawValue>>>,
    #[serde(rename = "sessionid", skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    #[serde(rename = "clientinfo", skip_serializing_if = "Option::is_none")]
    client_info: Option<&'a ClientInfo>,
    transport: TransportText<'a>,
}

impl<'a> TriggerText<'a> {
    fn of(call: &'a ToolCall) -> Self {
        Self {
            name: &call.name,
            arguments: call.arguments.as_deref().map(Pairs),
            session_id: call.transport.session_id.as_deref(),
            client_info: call.transport.client_info.as_ref(),
            transport: TransportText::of(&call.transport),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TransportText<'a> {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    properties: Properties<'a>,
}

impl<'a> TransportText<'a> {
    fn of(transport: &'a Transport) -> Self {
        Self {
            name: transport.name,
            session_id: transport.session_id.as_deref(),
            properties: Properties {
                headers: Pairs(&transport.headers),
            },
        }
    }
}

#[derive(Serialize)]
struct Properties<'a> {
    headers: Pairs<'a, String>,
}

/// `mcptoolcontext`: the same again, as `Newtonsoft.Json` sees the objects, so
/// that of an argument only its kind is left.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Context<'a> {
    name: &'a str,
    arguments: Option<Kinds<'a>>,
    session_id: Option<&'a str>,
    client_info: Option<ContextClient<'a>>,
    transport: ContextTransport<'a>,
}

impl<'a> Context<'a> {
    fn of(call: &'a ToolCall) -> Self {
        let session_id = call.transport.session_id.as_deref();
        Self {
            name: &call.name,
            arguments: call.arguments.as_deref().map(Kinds),
            session_id,
            client_info: call.transport.client_info.as_ref().map(ContextClient::of),
            transport: ContextTransport {
                name: call.transport.name,
                session_id,
                properties: Properties {
                    headers: Pairs(&call.transport.headers),
                },
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ContextClient<'a> {
    name: &'a str,
    title: Option<&'a str>,
    version: &'a str,
    icons: Option<()>,
    website_url: Option<()>,
}

impl<'a> ContextClient<'a> {
    fn of(client: &'a ClientInfo) -> Self {
        Self {
            name: &client.name,
            title: client.title.as_deref(),
            version: &client.version,
            icons: None,
            website_url: None,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ContextTransport<'a> {
    name: &'static str,
    session_id: Option<&'a str>,
    properties: Properties<'a>,
}

struct Kinds<'a>(&'a [(String, Box<RawValue>)]);

impl Serialize for Kinds<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Kind {
            value_kind: u8,
        }
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            let kind = Kind {
                value_kind: value_kind(value),
            };
            map.serialize_entry(name, &kind)?;
        }
        map.end()
    }
}
