//! The side that clients see.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::body::{Body, full, status, while_held};
use crate::extension::McpDoor;
use crate::functions::{AuthorizationLevel, Function};
use crate::handler::{FunctionTimeout, State, StateWatch};
use crate::proxy::Proxy;
use crate::routing::{route, segments};
use crate::settings::{AppSettings, Configuration};

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 4096;

/// How long a connection may be idle, or at a request's head: longer than
/// clients keep one (reqwest 90 s), so that they close it first and send
/// nothing into its end.
const IDLE: Duration = Duration::from_mins(2);

/// What every request needs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) functions: Vec<Function>,
    pub(crate) configuration: Configuration,
    pub(crate) settings: AppSettings,
    pub(crate) state: StateWatch,
    pub(crate) timeout: FunctionTimeout,
    pub(crate) proxy: Proxy,
    pub(crate) door: Option<McpDoor>,
}

/// Serves until it is dropped, and with it every connection. Once the host has
/// stopped, connections are closed unanswered.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, peer)) = listener.accept().await else {
            // Out of file descriptors, say: some may be free in a moment.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if matches!(shared.state.now(), State::Stopped(_)) || stream.set_nodelay(true).is_err() {
            continue;
        }
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let service = service_fn(|request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(shared.answer(request, peer.ip()).await) }
            });
            let served = http1::Builder::new()
                .preserve_header_case(true)
                .timer(TokioTimer::new())
                .header_read_timeout(IDLE)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection broke");
            }
            drop(place);
        });
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        if !is_readable(request.headers()) {
            let mut refused = status(StatusCode::BAD_REQUEST);
            let close = HeaderValue::from_static("close");
            refused.headers_mut().insert(header::CONNECTION, close);
            return refused;
        }
        let path = segments(request.uri().path());
        let lower: Vec<String> = path.iter().map(|segment| segment.to_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        match lower.as_slice() {
            ["runtime", "webhooks", extension, ..] if is_webhook_method(request.method()) => {
                self.webhook(extension, request).await
            }
            ["admin", rest @ ..] if is_host_api(rest) => status(StatusCode::UNAUTHORIZED),
            _ => self.function(request, peer).await,
        }
    }

    /// Webhooks of extensions ask for a system key, which this host has none
    /// of, unless `host.json` opens them to everyone. (That the order is: key
    /// first, 401, then the extension, 404, follows from the policy on the
    /// host's controller.)
    async fn webhook(&self, extension: &str, request: Request<Incoming>) -> Response<Body> {
        let level = self.configuration.get_filled(&format!(
            "extensions:{extension}:system:webhookAuthorizationLevel"
        ));
        if !level.is_some_and(|level| level.trim().eq_ignore_ascii_case("anonymous")) {
            return status(StatusCode::UNAUTHORIZED);
        }
        match (&self.door, extension) {
            (Some(door), "mcp") => door.handle(request).await,
            _ => status(StatusCode::NOT_FOUND),
        }
    }

    async fn function(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Body> {
        let (method, path) = (request.method().as_str(), request.uri().path());
        let Some((function, trigger)) = route(&self.functions, method, path) else {
            return self.nobody(path);
        };
        if trigger.authorization_level != AuthorizationLevel::Anonymous {
            return status(StatusCode::UNAUTHORIZED);
        }
        if function.disabled {
            return status(StatusCode::NOT_FOUND);
        }
        if let Err(reason) = self.state.wait_to_invoke().await {
            tracing::error!(function = function.name, reason, "the function cannot run");
            return status(StatusCode::SERVICE_UNAVAILABLE);
        }
        let answer = self.proxy.forward(request, peer);
        match self.timeout.within(&function.name, answer).await {
            // The function has not ended before its answer has.
            Ok((answer, deadline)) => answer.map(|body| while_held(body, deadline)),
            Err(_) => status(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// No function took the request: at `/` the host's home page, unless it is
    /// switched off; elsewhere 404.
    fn nobody(&self, path: &str) -> Response<Body> {
        if path != "/" {
            return status(StatusCode::NOT_FOUND);
        }
        if self.settings.is_on("AzureWebJobsDisableHomepage") {
            return status(StatusCode::NO_CONTENT);
        }
        let mut page = Response::new(full(
            "<!DOCTYPE html><title>Functions host stand-in</title><p>The function app is up and running.",
        ));
        page.headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
        page
    }
}

/// Kestrel refuses header values that are not UTF-8.
fn is_readable(headers: &HeaderMap) -> bool {
    headers
        .values()
        .all(|value| std::str::from_utf8(value.as_bytes()).is_ok())
}

/// The methods of the host's route for webhooks; a request with another one
/// falls through to the functions.
fn is_webhook_method(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::PUT | Method::POST | Method::DELETE | Method::OPTIONS
    )
}

/// The host's own interface beneath `/admin`, which asks for the master key
/// (azure-functions-host, its controllers and `VirtualFileSystemMiddleware`).
/// Other paths there fall through to the functions.
fn is_host_api(path: &[&str]) -> bool {
    match path {
        ["host", what, ..] => [
            "config",
            "debug",
            "drain",
            "extensionbundle",
            "extensions",
            "functionkeys",
            "keys",
            "log",
            "ping",
            "processes",
            "restart",
            "resume",
            "scale",
            "state",
            "status",
            "synctriggers",
            "systemkeys",
        ]
        .contains(what),
        ["functions" | "vfs" | "zip", ..]
        | ["instance", "assign" | "http-health" | "info"]
        | ["pod", "assign"] => true,
        _ => false,
    }
}
