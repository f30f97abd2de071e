//! An agents' service for tests: gives prepared answers and remembers what
//! it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use url::Url;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    /// Method, path and query.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Arrived {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn bearer(&self) -> &str {
        self.headers["authorization"]
            .to_str()
            .unwrap()
            .strip_prefix("Bearer ")
            .unwrap()
    }
}

/// What an agent does next.
pub(super) enum Reply {
    /// These events, and then the stream ends.
    Events(Vec<Value>),
    /// These events, and then the connection breaks.
    Broken(Vec<Value>),
    /// What the test sends while it goes on; ends when the sender is dropped.
    Live(mpsc::UnboundedReceiver<Value>),
    /// No events at all.
    Status(u16, Vec<(&'static str, String)>, Value),
}

#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    arrived: Vec<Arrived>,
}

/// The service.
#[derive(Clone)]
pub(super) struct Agents {
    pub(super) endpoint: Url,
    script: Arc<Mutex<Script>>,
}

impl Agents {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/api/projects/p", listener.local_addr().unwrap());
        let agents = Self {
            endpoint: endpoint.parse().unwrap(),
            script: Arc::default(),
        };
        let router = Router::new().fallback(serve).with_state(agents.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        agents
    }

    pub(super) fn reply(&self, reply: Reply) {
        self.script.lock().unwrap().replies.push_back(reply);
    }

    /// A reply that the test writes while it goes on.
    pub(super) fn reply_live(&self) -> mpsc::UnboundedSender<Value> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.reply(Reply::Live(receiver));
        sender
    }

    /// Waits for the request that ends a response, and answers its target.
    pub(super) async fn cancelled(&self) -> String {
        for _ in 0..500 {
            let cancelling = |arrived: &Arrived| arrived.target.contains("/cancel");
            if let Some(arrived) = self.arrived().into_iter().find(cancelling) {
                return arrived.target;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nothing was cancelled");
    }

    pub(super) fn arrived(&self) -> Vec<Arrived> {
        self.script.lock().unwrap().arrived.clone()
    }
}

/// The first event of a response.
pub(super) fn created(response: &str) -> Value {
    json!({"type": "response.created", "sequence_number": 0,
        "response": {"id": response, "status": "in_progress", "output": []}})
}

pub(super) fn delta(sequence: u64, text: &str) -> Value {
    json!({"type": "response.output_text.delta", "sequence_number": sequence,
        "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": text})
}

/// The last event of a response, whose `status` names it.
pub(super) fn ended(sequence: u64, response: &str, status: &str) -> Value {
    json!({"type": format!("response.{status}"), "sequence_number": sequence,
        "response": {"id": response, "status": status, "output": [],
            "incomplete_details": {"reason": "max_output_tokens"},
            "error": {"code": "server_error", "message": "on purpose"},
            "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}})
}

/// A whole answer.
pub(super) fn says(response: &str, pieces: &[&str]) -> Reply {
    let mut events = vec![created(response)];
    for piece in pieces {
        events.push(delta(events.len() as u64, piece));
    }
    events.push(ended(events.len() as u64, response, "completed"));
    Reply::Events(events)
}

async fn serve(State(agents): State<Agents>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let cancels = parts.uri.path().ends_with("/cancel");
    let reply = {
        let mut script = agents.script.lock().unwrap();
        script.arrived.push(Arrived {
            target: format!("{} {}", parts.method, parts.uri),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
        if cancels {
            Some(Reply::Status(200, Vec::new(), json!({})))
        } else {
            script.replies.pop_front()
        }
    };
    let live = |events: Vec<Value>| {
        let (sender, receiver) = mpsc::unbounded_channel();
        for event in events {
            sender.send(event).unwrap();
        }
        receiver
    };
    match reply.expect("the test prepared no reply") {
        Reply::Events(events) => stream(live(events), false),
        Reply::Broken(events) => stream(live(events), true),
        Reply::Live(receiver) => stream(receiver, false),
        Reply::Status(status, headers, body) => {
            let mut response = Response::builder()
                .status(status)
                .header("content-type", "application/json");
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body.to_string())).unwrap()
        }
    }
}

fn stream(events: mpsc::UnboundedReceiver<Value>, breaks: bool) -> Response {
    let events = UnboundedReceiverStream::new(events).map(|event| {
        let name = event["type"].as_str().unwrap().to_owned();
        Ok(Bytes::from(format!("event: {name}\ndata: {event}\n\n")))
    });
    let end = futures::stream::iter(breaks.then_some(())).then(|()| async {
        // What was sent has left the machine before the line is cut.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(std::io::Error::other("broken on purpose"))
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(Body::from_stream(events.chain(end)))
        .unwrap()
}
