use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt, stream};
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use crate::{Agent, Foundry, FoundrySettings, Route};

/// A request as it arrived.
pub(super) struct Arrived {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    /// Null when there was none.
    pub(super) body: Value,
}

/// What the server says to one request.
pub(super) enum Answer {
    /// Status, headers and a whole body.
    Whole(u16, Vec<(&'static str, String)>, String),
    /// An event stream that then ends, hangs or breaks.
    Events(String, After),
    /// Nothing, ever.
    Silence,
    /// This status, and a body that never ends.
    EndlessError(u16),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    End,
    Hang,
    Break,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    arrived: Vec<Arrived>,
}

/// An HTTP server on loopback that gives prepared answers and remembers what
/// it was asked.
pub(super) struct Server {
    pub(super) base: Url,
    script: Arc<Mutex<Script>>,
}

impl Server {
    pub(super) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let script = Arc::new(Mutex::new(Script {
            answers: answers.into_iter().collect(),
            arrived: Vec::new(),
        }));
        let router = Router::new().fallback(serve).with_state(script.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/api/projects/p", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            base: base.parse().unwrap(),
            script,
        }
    }

    pub(super) fn arrived(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.script.lock().unwrap().arrived)
    }

    pub(super) fn client(&self, route: Route) -> Foundry {
        client(FoundrySettings {
            route,
            ..FoundrySettings::new(self.base.clone())
        })
    }
}

pub(super) fn client(settings: FoundrySettings) -> Foundry {
    let http = entrada_ambient::http_client(&entrada_ambient::NetworkOptions::default()).unwrap();
    Foundry::new(settings, http).unwrap()
}

pub(super) fn token() -> SecretString {
    SecretString::from("the-token")
}

pub(super) fn agent() -> Agent {
    Agent {
        name: "helper".into(),
        version: None,
    }
}

/// A short response in events.
pub(super) fn short() -> Answer {
    Answer::Events(
        super::wire(
            &serde_json::json!({"type": "response.completed", "sequence_number": 0,
            "response": {"id": "resp_1", "status": "completed", "output": []}}),
        ),
        After::End,
    )
}

/// An error answer of the service's shape.
pub(super) fn error(status: u16, code: &str) -> Answer {
    let body = serde_json::json!({"error": {"code": code, "message": "Because."}});
    Answer::Whole(status, Vec::new(), body.to_string())
}

async fn serve(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let answer = {
        let mut script = script.lock().unwrap();
        script.arrived.push(Arrived {
            method: parts.method,
            target: parts.uri.to_string(),
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        });
        script.answers.pop_front()
    };
    match answer.unwrap_or_else(|| error(418, "out_of_answers")) {
        Answer::Whole(status, headers, body) => {
            let mut response = Response::builder()
                .status(status)
                .header("content-type", "application/json");
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Answer::Events(text, after) => events(text, after),
        Answer::Silence => std::future::pending().await,
        Answer::EndlessError(status) => {
            let much = Bytes::from(vec![b'x'; 128 * 1024]);
            let much = stream::iter([Ok::<_, std::io::Error>(much)]);
            let body = Body::from_stream(much.chain(stream::pending()));
            Response::builder().status(status).body(body).unwrap()
        }
    }
}

fn events(text: String, after: After) -> Response {
    let text = stream::iter([Ok::<_, std::io::Error>(Bytes::from(text))]);
    let body = match after {
        After::End => Body::from_stream(text),
        After::Hang => Body::from_stream(text.chain(stream::pending())),
        After::Break => {
            let broken = std::io::Error::other("broken on purpose");
            // The break comes by itself, so that the text is flushed first.
            let broken = stream::once(async {
                tokio::task::yield_now().await;
                Err(broken)
            });
            Body::from_stream(text.chain(broken))
        }
    };
    Response::builder()
        .header("content-type", "text/event-stream; charset=utf-8")
        .body(body)
        .unwrap()
}
