use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::call::{Asked, Call, ClientInfo};
use super::trigger_text::Properties;

/// What a trigger hands over besides its text: the same again, as
/// `Newtonsoft.Json` sees the extension's objects, so that of an argument only
/// its kind is left. Absent members of the object are `null`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct InvocationContext<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Arguments<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    session_id: Option<&'a str>,
    client_info: Option<ContextClient<'a>>,
    transport: ContextTransport<'a>,
}

impl<'a> InvocationContext<'a> {
    pub(super) fn of(call: &'a Call) -> Self {
        let session_id = call.transport.session_id.as_deref();
        let (name, arguments, uri) = match &call.what {
            Asked::Named { name, arguments } => (
                Some(name.as_str()),
                Some(Arguments(arguments.as_deref().map(Kinds))),
                None,
            ),
            Asked::Resource { uri } => (None, None, Some(uri.as_str())),
        };
        Self {
            name,
            arguments,
            uri,
            session_id,
            client_info: call.transport.client_info.as_ref().map(ContextClient::of),
            transport: ContextTransport {
                name: call.transport.name,
                session_id,
                properties: Properties::of(&call.transport),
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

/// `null` where a call has none; a resource has no such member.
#[derive(Serialize)]
struct Arguments<'a>(Option<Kinds<'a>>);

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
