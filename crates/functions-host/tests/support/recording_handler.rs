//! A custom handler that records what it is sent, for the tests of this crate.
//!
//! Anything is answered with 200 but:
//! * `/redirect`, `/unauthorized`, `/cookies`, `/plain-length`: what they say;
//! * `/sse`: a first event at once, one more for each `POST /control/release`,
//!   the end after `POST /control/end`;
//! * `/echo`: the request's body, as it arrives;
//! * `/exit/{code}`: the process ends;
//! * `POST /{function}` of a name in `answers.json` of the working directory:
//!   `{status, content_type, body}` from there, `body` being a text or JSON;
//!   with `{echo: "payload"}` a tool call's text, with `{echo: "q"}` its
//!   argument `q`, with `{echo: "page"}` the value of a resource's parameter
//!   `page`; with `{hold: true}` not before a `POST /control/release`;
//! * `GET /control/seen`: what was recorded; `GET /control/environment`: names
//!   and values; `GET /control/dropped`: answers when a `/sse` stream was
//!   dropped; `GET /control/held`: answers when an answer is being held.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use entrada_ambient::{Environment, ProcessEnvironment};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Largest body that is recorded.
const LIMIT: usize = 256 * 1024 * 1024;

/// Bodies longer than this are recorded as their length.
const LONG: usize = 1024 * 1024;

#[derive(Debug, Clone, Serialize)]
struct Seen {
    method: String,
    path: String,
    version: String,
    headers: Vec<(String, String)>,
    body: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Answer {
    #[serde(default = "success")]
    status: u16,
    #[serde(default = "json_type")]
    content_type: String,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    echo: Option<String>,
    #[serde(default)]
    hold: bool,
}

fn success() -> u16 {
    200
}

fn json_type() -> String {
    "application/json".to_owned()
}

#[derive(Clone)]
struct Handler {
    seen: Arc<Mutex<Vec<Seen>>>,
    answers: Arc<BTreeMap<String, Answer>>,
    released: Arc<Semaphore>,
    ended: Arc<Semaphore>,
    dropped: Arc<Semaphore>,
    held: Arc<Semaphore>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let environment = ProcessEnvironment;
    say(&mut std::io::stdout(), "recording handler: hello")?;
    if let Some(line) = environment.get("RECORDING_STDERR") {
        say(&mut std::io::stderr(), &line)?;
    }
    if let Some(code) = environment.get("RECORDING_EXIT") {
        exit(code.parse()?);
    }
    if environment.get("RECORDING_NEVER_LISTEN").is_some() {
        std::future::pending::<()>().await;
    }
    let port: u16 = environment
        .get("FUNCTIONS_CUSTOMHANDLER_PORT")
        .ok_or("no port")?
        .parse()?;
    let answers = std::fs::read("answers.json")
        .map_or(Ok(BTreeMap::new()), |text| serde_json::from_slice(&text))?;
    let handler = Handler {
        seen: Arc::default(),
        answers: Arc::new(answers),
        released: Arc::new(Semaphore::new(0)),
        ended: Arc::new(Semaphore::new(0)),
        dropped: Arc::new(Semaphore::new(0)),
        held: Arc::new(Semaphore::new(0)),
    };
    let router = Router::new()
        .route("/control/seen", get(seen))
        .route("/control/environment", get(settings))
        .route("/control/release", post(release))
        .route("/control/end", post(end))
        .route("/control/dropped", get(dropped))
        .route("/control/held", get(held))
        .route("/sse", any(events))
        .route("/echo", any(echo))
        .route("/exit/{code}", any(leave))
        .fallback(record)
        .with_state(handler);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(listener, router).await?;
    Ok(())
}

#[expect(clippy::exit, reason = "how a handler ends is what is tested")]
fn exit(code: i32) -> ! {
    std::process::exit(code)
}

fn say(to: &mut impl Write, line: &str) -> std::io::Result<()> {
    writeln!(to, "{line}")?;
    to.flush()
}

async fn seen(State(handler): State<Handler>) -> Response {
    let seen = handler
        .seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    axum::Json(seen).into_response()
}

async fn settings() -> Response {
    let names = [
        "FUNCTIONS_HTTPWORKER_PORT",
        "FUNCTIONS_HTTPWORKER_ID",
        "FUNCTIONS_CUSTOMHANDLER_PORT",
        "FUNCTIONS_CUSTOMHANDLER_WORKER_ID",
        "FUNCTIONS_APP_ROOT_PATH",
        "PATH",
        "GREETING",
    ];
    let values: BTreeMap<_, _> = names
        .iter()
        .map(|name| (*name, ProcessEnvironment.get(name)))
        .collect();
    let directory = std::env::current_dir().unwrap_or_default();
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    axum::Json(json!({
        "values": values,
        "directory": directory,
        "arguments": arguments,
        "process": std::process::id(),
    }))
    .into_response()
}

async fn release(State(handler): State<Handler>) {
    handler.released.add_permits(1);
}

async fn end(State(handler): State<Handler>) {
    handler.ended.add_permits(1);
}

async fn dropped(State(handler): State<Handler>) {
    if let Ok(permit) = handler.dropped.acquire().await {
        permit.forget();
    }
}

async fn held(State(handler): State<Handler>) {
    if let Ok(permit) = handler.held.acquire().await {
        permit.forget();
    }
}

async fn leave(Path(code): Path<i32>) {
    exit(code);
}

/// Tells that the stream which holds it is gone.
struct OnDrop(Arc<Semaphore>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

async fn events(State(handler): State<Handler>, request: Request) -> Response {
    handler.note(request).await;
    let guard = OnDrop(Arc::clone(&handler.dropped));
    let first = futures::stream::iter([Bytes::from("data: 0\n\n")]);
    let rest = futures::stream::unfold((1, guard), move |(number, guard)| {
        let handler = handler.clone();
        async move {
            tokio::select! {
                permit = handler.released.acquire() => permit.ok()?.forget(),
                permit = handler.ended.acquire() => {
                    permit.ok()?.forget();
                    return None;
                }
            }
            Some((
                Bytes::from(format!("data: {number}\n\n")),
                (number + 1, guard),
            ))
        }
    });
    let body = Body::from_stream(first.chain(rest).map(Ok::<_, std::io::Error>));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn echo(request: Request) -> Response {
    request.into_body().into_response()
}

async fn record(State(handler): State<Handler>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let body = handler.note(request).await;
    if let Some(answer) = handler.answers.get(path.trim_start_matches('/')) {
        if answer.hold {
            handler.held.add_permits(1);
            if let Ok(permit) = handler.released.acquire().await {
                permit.forget();
            }
        }
        return answered(answer, &body);
    }
    match path.as_str() {
        "/redirect" => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere?a=b")]).into_response(),
        "/unauthorized" => (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")],
        )
            .into_response(),
        "/cookies" => {
            let mut headers = HeaderMap::new();
            for cookie in ["__Host-a=1; Path=/; Secure", "b=2; HttpOnly"] {
                if let Ok(cookie) = cookie.parse() {
                    headers.append(header::SET_COOKIE, cookie);
                }
            }
            (headers, "cookies").into_response()
        }
        _ => (
            [
                (header::SERVER, "recording-handler"),
                (header::DATE, "Sat, 21 Nov 2026 06:55:08 GMT"),
            ],
            "recorded",
        )
            .into_response(),
    }
}

fn answered(answer: &Answer, request: &str) -> Response {
    let body = match (&answer.echo, &answer.body) {
        (Some(what), _) => echoed(what, request).unwrap_or_default(),
        (None, Value::String(text)) => text.clone(),
        (None, other) => other.to_string(),
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    (
        status,
        [(header::CONTENT_TYPE, answer.content_type.as_str())],
        body,
    )
        .into_response()
}

/// What a function is told, given back.
fn echoed(what: &str, request: &str) -> Option<String> {
    let request: Value = serde_json::from_str(request).ok()?;
    let call: String = serde_json::from_str(request.get("Data")?.get("context")?.as_str()?).ok()?;
    let value = match what {
        "q" => {
            let call: Value = serde_json::from_str(&call).ok()?;
            let value = match call.get("arguments")?.get("q")? {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            format!("q={value}")
        }
        "page" => {
            let page = request.get("Metadata")?.get("page")?.as_str()?;
            format!("page {}", serde_json::from_str::<String>(page).ok()?)
        }
        _ => call,
    };
    Some(json!({"Outputs": {}, "Logs": [], "ReturnValue": value}).to_string())
}

impl Handler {
    /// Records a request; gives its body.
    async fn note(&self, request: Request) -> String {
        let (parts, body) = request.into_parts();
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        let body = to_bytes(body, LIMIT).await.unwrap_or_default();
        let body = if body.len() > LONG {
            body.len().to_string()
        } else {
            String::from_utf8_lossy(&body).into_owned()
        };
        let version = match parts.version {
            Version::HTTP_10 => "1.0",
            _ => "1.1",
        };
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Seen {
                method: parts.method.to_string(),
                path: parts.uri.to_string(),
                version: version.to_owned(),
                headers,
                body: body.clone(),
            });
        body
    }
}
