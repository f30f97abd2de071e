use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::answer::RpcError;
use super::call::{Asked, Call, ClientInfo, Transport};
use super::outcome;
use super::params::{Members, Params, missing};
use super::payload::{prompt_payload, resource_payload, tool_payload};
use super::prompts::Prompts;
use super::resources::Resources;
use super::tools::Tools;
use crate::functions::{Function, ResourceUri};
use crate::invocation::{Invoker, Payload};

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

/// What the package declares to the extension.
#[derive(Debug)]
pub(super) struct Catalogue {
    tools: Tools,
    resources: Resources,
    prompts: Prompts,
}

impl Catalogue {
    pub(super) fn of(functions: &[Function]) -> Self {
        Self {
            tools: Tools::of(functions),
            resources: Resources::of(functions),
            prompts: Prompts::of(functions),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tools.is_empty() && self.resources.is_empty() && self.prompts.is_empty()
    }
}

/// What answers requests.
#[derive(Debug, Clone)]
pub(super) struct Methods {
    pub(super) catalogue: Arc<Catalogue>,
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
        let catalogue = self.catalogue.as_ref();
        match method {
            "initialize" => self.initialize(params),
            "ping" | "resources/subscribe" | "resources/unsubscribe" => literal("{}"),
            "logging/setLevel" => set_level(&members),
            "tools/list" => catalogue.tools.listing().map_err(internal),
            "tools/call" => self.call_tool(members, transport).await,
            "resources/list" => catalogue.resources.listing().map_err(internal),
            "resources/templates/list" => catalogue.resources.templates().map_err(internal),
            "resources/read" => self.read_resource(members, transport).await,
            "prompts/list" => catalogue.prompts.listing().map_err(internal),
            "prompts/get" => self.get_prompt(members, transport).await,
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
        params: Params,
        transport: impl AsyncFnOnce() -> Transport,
    ) -> Outcome {
        let (name, arguments) = named(&params)?;
        let tool = self.catalogue.tools.find(&name);
        let tool = tool.ok_or_else(|| unknown("tool", &name))?;
        let required = tool.trigger.required.iter().map(String::as_str);
        if let Some(missing) = missing(required, arguments.as_deref()) {
            return Err(lacking("tool properties", &missing));
        }
        let call = Call::named(&name, arguments, transport().await);
        let sys = self.invoker.sys(&tool.function);
        let payload = tool_payload(&tool.trigger, &call, &sys);
        let returned = self.run(&tool.function, payload).await;
        returned
            .and_then(|value| outcome::result(value.as_deref(), tool.trigger.use_result_schema))
            .or_else(|| outcome::failure(&name))
            .ok_or_else(RpcError::internal)
    }

    async fn read_resource(
        &self,
        params: Params,
        transport: impl AsyncFnOnce() -> Transport,
    ) -> Outcome {
        let uri = params
            .text("uri")
            .filter(|uri| ResourceUri::is_askable(uri));
        let uri = uri.ok_or_else(RpcError::internal)?;
        let resource = self.catalogue.resources.find(&uri);
        let resource = resource.ok_or_else(|| unknown("resource", &uri))?;
        let call = Call {
            what: Asked::Resource { uri: uri.clone() },
            transport: transport().await,
        };
        let sys = self.invoker.sys(&resource.function);
        let payload = resource_payload(&resource.trigger, &call, &sys);
        let returned = self.run(&resource.function, payload).await;
        returned
            .and_then(|value| resource.result(&uri, value.as_deref()))
            .ok_or_else(RpcError::internal)
    }

    async fn get_prompt(
        &self,
        params: Params,
        transport: impl AsyncFnOnce() -> Transport,
    ) -> Outcome {
        let (name, arguments) = named(&params)?;
        let prompt = self.catalogue.prompts.find(&name);
        let prompt = prompt.ok_or_else(|| unknown("prompt", &name))?;
        if let Some(missing) = missing(prompt.trigger.required(), arguments.as_deref()) {
            return Err(lacking("prompt arguments", &missing));
        }
        let call = Call::named(&name, arguments, transport().await);
        let sys = self.invoker.sys(&prompt.function);
        let payload = prompt_payload(&prompt.trigger, &call, &sys);
        let returned = self.run(&prompt.function, payload).await;
        returned
            .and_then(|value| prompt.result(value.as_deref()))
            .ok_or_else(RpcError::internal)
    }

    /// What a function gives back; `None` for any failure.
    async fn run(
        &self,
        function: &str,
        payload: serde_json::Result<Payload>,
    ) -> Option<Option<Box<RawValue>>> {
        match self.invoker.invoke(function, &payload.ok()?).await {
            Ok(result) => Some(result.return_value),
            Err(error) => {
                tracing::error!(function, %error, "the function failed");
                None
            }
        }
    }
}

/// Name and arguments of a tool or prompt, of which nothing else is looked at.
fn named(params: &Params) -> Result<(String, Option<Members>), RpcError> {
    let name = params.text("name").ok_or_else(RpcError::internal)?;
    let arguments = match params.get("arguments") {
        None => None,
        Some(value) => Some(Params::of_object(value).ok_or_else(RpcError::internal)?),
    };
    Ok((name, arguments.map(Params::into_members)))
}

fn unknown(what: &str, name: &str) -> RpcError {
    RpcError::invalid_params(format!("Unknown {what}: '{name}'"))
}

/// The extension's one check of arguments has failed.
fn lacking(what: &str, missing: &str) -> RpcError {
    RpcError::invalid_params(format!(
        "One or more required {what} are missing values. Please provide: {missing}"
    ))
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

fn set_level(params: &Params) -> Outcome {
    match params.text("level") {
        Some(level) if LEVELS.contains(&level.as_str()) => literal("{}"),
        _ => Err(RpcError::internal()),
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
