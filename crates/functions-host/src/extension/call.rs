use serde::{Deserialize, Serialize};

use super::params::Members;

/// What a client asks of a function, as the extension hands it on.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) what: Asked,
    pub(crate) transport: Transport,
}

impl Call {
    /// A call of a tool or a prompt.
    pub(crate) fn named(name: &str, arguments: Option<Members>, transport: Transport) -> Self {
        Self {
            what: Asked::Named {
                name: name.to_owned(),
                arguments,
            },
            transport,
        }
    }
}

/// What a client asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A tool or a prompt.
    Named {
        /// As the client wrote it, whatever the function's own spelling.
        name: String,
        /// `None` when the call has none.
        arguments: Option<Members>,
    },
    /// A resource.
    Resource {
        /// As the client wrote it.
        uri: String,
    },
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
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    pub(super) version: String,
}

/// The name of the streamable door.
pub(crate) const STREAMABLE: &str = "http-streamable";
