use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use crate::error::{HandlerError, HostError, InvocationError};
use crate::extension::{Call, McpDoor, STREAMABLE, Transport, tool_payload};
use crate::functions::{Function, FunctionSummary, Trigger, discover};
use crate::handler::{Launch, LogLine, Logs, Supervisor, choose_port};
use crate::invocation::{InvocationResult, Invoker, TimerHistory};
use crate::options::HostOptions;
use crate::proxy::{BODY_LIMIT, Proxy};
use crate::server::{self, Shared};
use crate::settings::{AppSettings, Configuration, CustomHandler, function_timeout};

/// A running host with its handler. Dropping it kills the handler and closes
/// every connection.
#[derive(Debug)]
pub struct Host {
    supervisor: Supervisor,
    server: JoinHandle<()>,
    url: Url,
    handler_port: u16,
    shared: Arc<Shared>,
    summaries: Vec<FunctionSummary>,
    invoker: Arc<Invoker>,
    timers: TimerHistory,
    logs: Arc<Logs>,
}

/// Checks the package, starts its handler and serves it; returns when the
/// handler answers.
///
/// # Errors
/// Whatever the Functions host would refuse or log as an error of a function,
/// and what this stand-in cannot do; a port that is taken; a handler that does
/// not start.
pub async fn start(options: HostOptions) -> Result<Host, HostError> {
    let root = std::fs::canonicalize(&options.root).map_err(|source| HostError::Read {
        path: options.root.clone(),
        source,
    })?;
    let settings = AppSettings::new(options.app_settings, options.inherit_environment);
    let configuration = Configuration::read(&root, &settings)?;
    let handler = CustomHandler::read(&configuration, &settings, &root)?;
    let functions = discover(&root, &configuration, &handler, &settings)?;
    let timeout = function_timeout(&configuration)?;
    let body_limit = body_limit(&settings)?;
    let (listener, url) = bind(options.port).await?;
    let handler_port = choose_port(handler.port)?;

    let logs = Arc::new(Logs::new(handler.stderr_is_for_errors_only));
    let launch = Launch {
        handler,
        root,
        port: handler_port,
        settings: settings.clone(),
        inherit_environment: options.inherit_environment,
        random: Arc::clone(&options.random),
    };
    let supervisor = Supervisor::start(launch, Arc::clone(&logs), Arc::clone(&options.clock));
    let invoker = Arc::new(Invoker::new(
        handler_port,
        supervisor.state().clone(),
        supervisor.function_timeout(timeout),
        options.clock,
        Arc::clone(&options.random),
    ));
    let shared = Arc::new(Shared {
        door: McpDoor::open(
            &functions,
            &configuration,
            &settings,
            Arc::clone(&invoker),
            Arc::clone(&options.random),
            body_limit,
        ),
        functions,
        configuration,
        settings,
        state: supervisor.state().clone(),
        timeout: supervisor.function_timeout(timeout),
        proxy: Proxy::new(handler_port, body_limit, options.random),
    });
    let host = Host {
        supervisor,
        server: tokio::spawn(server::serve(listener, Arc::clone(&shared))),
        url,
        handler_port,
        summaries: shared.functions.iter().map(FunctionSummary::from).collect(),
        shared,
        invoker,
        timers: TimerHistory::default(),
        logs,
    };
    host.supervisor.state().wait_for_start().await?;
    Ok(host)
}

async fn bind(port: u16) -> Result<(TcpListener, Url), HostError> {
    let failed = |message: String| HostError::Bind { port, message };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|error| failed(error.to_string()))?;
    let address = listener
        .local_addr()
        .map_err(|error| failed(error.to_string()))?;
    let url =
        Url::parse(&format!("http://{address}/")).map_err(|error| failed(error.to_string()))?;
    Ok((listener, url))
}

fn body_limit(settings: &AppSettings) -> Result<usize, HostError> {
    let name = "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT";
    match settings.get(name) {
        None => Ok(BODY_LIMIT),
        Some(text) => text.parse().map_err(|_| {
            HostError::Configuration(format!("{name} is not a number of bytes: '{text}'"))
        }),
    }
}

impl Host {
    /// Where clients reach it: `http://127.0.0.1:{port}/`.
    #[must_use]
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// Where the handler listens on 127.0.0.1.
    #[must_use]
    pub fn handler_port(&self) -> u16 {
        self.handler_port
    }

    /// The functions of the package, in the order in which routes are tried.
    #[must_use]
    pub fn functions(&self) -> &[FunctionSummary] {
        &self.summaries
    }

    /// The last lines that the handler wrote, oldest first, over all its runs.
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        self.logs.lines()
    }

    /// Kills the handler (SIGKILL), as the Functions host stops handlers, and
    /// returns when it is gone. Requests in flight break; new ones wait for the
    /// next handler, up to four times the initialisation timeout.
    pub async fn kill(&mut self) {
        self.supervisor.kill().await;
    }

    /// Kills the handler if it runs, starts it again on the same port, and
    /// returns when it answers. Earlier failures are forgotten.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self) -> Result<(), HostError> {
        Ok(self.supervisor.restart().await?)
    }

    /// Waits until the host has given the handler up, as it does after three
    /// failures within half an hour, and says why. From then on it serves
    /// nobody.
    pub async fn stopped(&self) -> HandlerError {
        self.supervisor.state().stopped().await
    }

    /// Runs a timer function now, whatever its schedule.
    ///
    /// # Errors
    /// When there is no such enabled timer, or the invocation fails.
    pub async fn invoke_timer(&self, function: &str) -> Result<InvocationResult, InvocationError> {
        let (name, trigger) = self.enabled(function, |trigger| match trigger {
            Trigger::Timer(trigger) => Some(trigger),
            _ => None,
        })?;
        let sys = self.invoker.sys(name);
        let payload = self
            .timers
            .payload(name, trigger, &sys, self.invoker.clock())
            .map_err(|source| InvocationError::Exchange(source.into()))?;
        self.invoker.invoke(name, &payload).await
    }

    /// Calls a tool's function as the MCP extension would for a client that
    /// sent `arguments` with `headers`, without the extension's door before it:
    /// what comes back is what the function gave back.
    ///
    /// # Errors
    /// When there is no such enabled tool function, or the invocation fails.
    pub async fn invoke_tool(
        &self,
        function: &str,
        arguments: Option<&Map<String, Value>>,
        headers: &[(&str, &str)],
    ) -> Result<InvocationResult, InvocationError> {
        let (name, trigger) = self.enabled(function, |trigger| match trigger {
            Trigger::McpTool(trigger) => Some(trigger),
            _ => None,
        })?;
        let unwritable = |source: serde_json::Error| InvocationError::Exchange(source.into());
        let arguments = arguments.map(texts).transpose().map_err(unwritable)?;
        let transport = Transport {
            name: STREAMABLE,
            client_info: None,
            session_id: None,
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        let call = Call::named(&trigger.tool_name, arguments, transport);
        let sys = self.invoker.sys(name);
        let payload = tool_payload(trigger, &call, &sys).map_err(unwritable)?;
        self.invoker.invoke(name, &payload).await
    }

    fn enabled<'a, T>(
        &'a self,
        name: &str,
        select: impl Fn(&'a Trigger) -> Option<T>,
    ) -> Result<(&'a str, T), InvocationError> {
        self.shared
            .functions
            .iter()
            .filter(|function| !function.disabled && function.name.eq_ignore_ascii_case(name))
            .find_map(|Function { name, trigger, .. }| Some((name.as_str(), select(trigger)?)))
            .ok_or_else(|| InvocationError::NoSuchFunction(name.to_owned()))
    }
}

fn texts(members: &Map<String, Value>) -> serde_json::Result<Vec<(String, Box<RawValue>)>> {
    members
        .iter()
        .map(|(name, value)| Ok((name.clone(), serde_json::value::to_raw_value(value)?)))
        .collect()
}

impl Drop for Host {
    fn drop(&mut self) {
        self.server.abort();
    }
}
