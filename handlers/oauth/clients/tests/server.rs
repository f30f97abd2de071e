//! A server that answers as it is told.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What is answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    pub(super) delay: Duration,
    /// Sends the body a byte a second.
    pub(super) trickle: bool,
}

impl Answer {
    pub(super) fn json(body: &Value) -> Self {
        Self {
            status: StatusCode::OK,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
            delay: Duration::ZERO,
            trickle: false,
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).unwrap();
        self
    }
}

type Script = dyn Fn(&str) -> Answer + Send + Sync;

#[derive(Clone)]
pub(super) struct Server {
    pub(super) port: u16,
    hits: Arc<AtomicUsize>,
    script: Arc<Mutex<Arc<Script>>>,
}

impl Server {
    /// On loopback; answers 404 until it is told otherwise.
    pub(super) async fn start() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            hits: Arc::default(),
            script: Arc::new(Mutex::new(Arc::new(|_: &str| {
                Answer::json(&json!({})).status(404)
            }))),
        };
        (server, listener)
    }

    pub(super) async fn plain() -> Self {
        let (server, listener) = Self::start().await;
        let router = server.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    pub(super) fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(super) fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// Answers every path so from now on.
    pub(super) fn say(&self, answer: Answer) {
        self.say_by_path(move |_| answer.clone());
    }

    pub(super) fn say_by_path(&self, script: impl Fn(&str) -> Answer + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }
}

async fn answer(State(server): State<Server>, uri: Uri) -> Response {
    server.hits.fetch_add(1, Ordering::SeqCst);
    let script = server.script.lock().unwrap().clone();
    let answer = script(uri.path());
    tokio::time::sleep(answer.delay).await;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let body = if answer.trickle {
        let bytes = answer.body.into_bytes();
        Body::from_stream(futures::stream::unfold(0, move |at| {
            let byte = bytes.get(at).copied();
            async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Some((Ok::<_, Infallible>(Bytes::from(vec![byte?])), at + 1))
            }
        }))
    } else {
        Body::from(answer.body)
    };
    response.body(body).unwrap()
}
