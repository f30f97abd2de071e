use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::call::{Asked, Call, ClientInfo, Transport};

/// The text that a trigger hands over (`ToolInvocationContext`,
/// `PromptInvocationContext`, `ResourceInvocationContext`): absent members are
/// left out.
#[derive(Serialize)]
pub(super) struct TriggerText<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Pairs<'a, Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    #[serde(rename = "sessionid", skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    #[serde(rename = "clientinfo", skip_serializing_if = "Option::is_none")]
    client_info: Option<&'a ClientInfo>,
    transport: TransportText<'a>,
}

impl<'a> TriggerText<'a> {
    pub(super) fn of(call: &'a Call) -> Self {
        let (name, arguments, uri) = match &call.what {
            Asked::Named { name, arguments } => (Some(name.as_str()), arguments.as_deref(), None),
            Asked::Resource { uri } => (None, None, Some(uri.as_str())),
        };
        Self {
            name,
            arguments: arguments.map(Pairs),
            uri,
            session_id: call.transport.session_id.as_deref(),
            client_info: call.transport.client_info.as_ref(),
            transport: TransportText::of(&call.transport),
        }
    }
}

/// `transport` in that text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransportText<'a> {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    properties: Properties<'a>,
}

impl<'a> TransportText<'a> {
    pub(super) fn of(transport: &'a Transport) -> Self {
        Self {
            name: transport.name,
            session_id: transport.session_id.as_deref(),
            properties: Properties::of(transport),
        }
    }
}

/// What is told of the client's request: its headers.
#[derive(Serialize)]
pub(super) struct Properties<'a> {
    headers: Pairs<'a, String>,
}

impl<'a> Properties<'a> {
    pub(super) fn of(transport: &'a Transport) -> Self {
        Self {
            headers: Pairs(&transport.headers),
        }
    }
}

/// Pairs that become the members of an object, in their order.
#[derive(Debug)]
pub(super) struct Pairs<'a, V>(pub(super) &'a [(String, V)]);

impl<V: Serialize> Serialize for Pairs<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
