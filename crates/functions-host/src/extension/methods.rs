use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::answer::RpcError;
use super::outcome;
use super::payload::{ClientInfo, ToolCall, Transport, tool_payload};
use super::tools::{Tool, Tools};
use crate::invocation::Invoker;
use crate::json;

/// Who the server says it is.
#[derive(Debug, Clone)]
pub(super) struct ServerInfo {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) instructions: Option<String>,
}

/// The newest version that the SDK speaks; what it does not know gets this one.
const NEWEST: &str = "2025-06-18";
const SPOKEN: [&str; 3] = ["2024-11-05", "2025-03-26", NEWEST];

/// Levels of `logging/setLevel`.
const LEVELS: [&str; 8] = [
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];

/// What answers requests.
#[derive(Debug, Clone)]
pub(super) struct Methods {
    pub(super) tools: Arc<Tools>,
    pub(super) server: Arc<ServerInfo>,
    pub(super) invoker: Arc<Invoker>,
}

type Outcome = Result<Box<RawValue>, RpcError>;

impl Methods {
    /// Answers one request. `transport` is asked for only where a function is
    /// called.
    pub(super) async fn answer(
        &self,
        method: &str,
        params: Option<&RawValue>,
        transport: impl AsyncFnOnce() -> Transport,
    ) -> Outcome {
        let members = Params::read(params);
        match method {
            "initialize" => self.initialize(params),
            "ping" | "resources/subscribe" | "resources/unsubscribe" => literal("{}"),
            "logging/setLevel" => set_level(&members),
            "tools/list" => self.tools.listing().map_err(internal),
            "tools/call" => self.call_tool(&members, transport).await,
            "resources/list" => literal(r#"{"resources":[]}"#),
            "resources/templates/list" => literal(r#"{"resourceTemplates":[]}"#),
            "resources/read" => Err(unknown(&members, "uri", "resource")),
            "prompts/list" => literal(r#"{"prompts":[]}"#),
            "prompts/get" => Err(unknown(&members, "name", "prompt")),
            other => Err(RpcError::unknown_method(other)),
        }
    }

    fn initialize(&self, params: Option<&RawValue>) -> Outcome {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Initialized<'a> {
            protocol_version: &'a str,
            capabilities: Box<RawValue>,
            server_info: Info<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            instructions: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct Info<'a> {
            name: &'a str,
            version: &'a str,
        }
        let asked = match params {
            None => None,
            Some(params) => Some(initialize_version(params).ok_or_else(RpcError::internal)?),
        };
        let version = asked
            .as_deref()
            .filter(|version| SPOKEN.contains(version))
            .unwrap_or(NEWEST);
        to_raw_value(&Initialized {
            protocol_version: version,
            capabilities: literal(r#"{"logging":{},"prompts":{},"resources":{},"tools":{}}"#)?,
            server_info: Info {
                name: &self.server.name,
                version: &self.server.version,
            },
            instructions: self.server.instructions.as_deref(),
        })
        .map_err(internal)
    }

    async fn call_tool(
        &self,
        params: &Params,
        transport: impl AsyncFnOnce() -> Transport,
    ) -> Outcome {
        let name = params.text("name").ok_or_else(RpcError::internal)?;
        let arguments = match params.get("arguments") {
            None => None,
            Some(value) => Some(Params::of_object(value).ok_or_else(RpcError::internal)?.0),
        };
        let tool = self
            .tools
            .find(&name)
            .ok_or_else(|| RpcError::invalid_params(format!("Unknown tool: '{name}'")))?;
        require(tool, arguments.as_deref())?;
        let call = ToolCall {
            name,
            arguments,
            transport: transport().await,
        };
        self.run(tool, &call)
            .await
            .or_else(|| outcome::failure(&call.name))
            .ok_or_else(RpcError::internal)
    }

    /// What the tool's function gives back; `None` for any failure.
    async fn run(&self, tool: &Tool, call: &ToolCall) -> Option<Box<RawValue>> {
        let sys = self.invoker.sys(&tool.function);
        let payload = tool_payload(&tool.trigger, call, &sys).ok()?;
        match self.invoker.invoke(&tool.function, &payload).await {
            Ok(result) => outcome::result(
                result.return_value.as_deref(),
                tool.trigger.use_result_schema,
            ),
            Err(error) => {
                tracing::error!(function = tool.function, %error, "the function failed");
                None
            }
        }
    }
}

/// The `protocolVersion` of `initialize`, provided that the params have all that
/// the SDK insists on.
pub(super) fn initialize_version(params: &RawValue) -> Option<String> {
    let params = Params::of_object(params)?;
    let client = Params::of_object(params.get("clientInfo")?)?;
    client.text("name")?;
    client.text("version")?;
    params.text("protocolVersion")
}

/// Who a client says it is when it initialises.
pub(super) fn client_info(params: &RawValue) -> Option<ClientInfo> {
    initialize_version(params)?;
    serde_json::from_str(Params::of_object(params)?.get("clientInfo")?.get()).ok()
}

/// The extension's one check of arguments.
fn require(tool: &Tool, arguments: Option<&[(String, Box<RawValue>)]>) -> Result<(), RpcError> {
    let given = |name: &str| {
        arguments
            .into_iter()
            .flatten()
            .any(|(other, value)| other == name && value.get() != "null")
    };
    let missing: Vec<&str> = tool
        .trigger
        .required
        .iter()
        .map(String::as_str)
        .filter(|name| !given(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(RpcError::invalid_params(format!(
        "One or more required tool properties are missing values. Please provide: {}",
        missing.join(", ")
    )))
}

fn set_level(params: &Params) -> Outcome {
    match params.text("level") {
        Some(level) if LEVELS.contains(&level.as_str()) => literal("{}"),
        _ => Err(RpcError::internal()),
    }
}

fn unknown(params: &Params, member: &str, what: &str) -> RpcError {
    match params.text(member) {
        Some(name) if !name.is_empty() => {
            RpcError::invalid_params(format!("Unknown {what}: '{name}'"))
        }
        _ => RpcError::internal(),
    }
}

fn literal(text: &str) -> Outcome {
    RawValue::from_string(text.to_owned()).map_err(internal)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is handed to map_err as it is"
)]
fn internal(error: serde_json::Error) -> RpcError {
    tracing::error!(%error, "an answer could not be written");
    RpcError::internal()
}

/// The members of an object, the last of each name.
struct Params(Vec<(String, Box<RawValue>)>);

impl Params {
    /// Of `params` that are absent or no object: none.
    fn read(params: Option<&RawValue>) -> Self {
        params.and_then(Self::of_object).unwrap_or(Self(Vec::new()))
    }

    fn of_object(value: &RawValue) -> Option<Self> {
        let members = json::members(&mut serde_json::Deserializer::from_str(value.get())).ok()?;
        let mut last: Vec<(String, Box<RawValue>)> = Vec::with_capacity(members.len());
        for (name, value) in members {
            match last.iter_mut().find(|(other, _)| *other == name) {
                Some(member) => member.1 = value,
                None => last.push((name, value)),
            }
        }
        Some(Self(last))
    }

    /// A member that is there and not `null`.
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_ref())
            .filter(|value| value.get() != "null")
    }

    fn text(&self, name: &str) -> Option<String> {
        match serde_json::from_str(self.get(name)?.get()) {
            Ok(Value::String(text)) => Some(text),
            _ => None,
        }
    }
}
