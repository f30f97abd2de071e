//! Something that stands in front of a server and spoils what passes.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{self, Request};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::net::TcpListener;

/// What it does to answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Damage {
    /// Answers a path itself.
    Status(&'static str, u16),
    /// Answers everything by a redirect.
    Redirect(&'static str),
    /// Takes a header off the answers of a path.
    Drop(&'static str, &'static str),
    /// Puts a header on the answers of a path.
    Set(&'static str, &'static str, &'static str),
    /// Replaces text in the bodies of a path.
    Replace(&'static str, &'static str, &'static str),
    /// Replaces text in a header of a path.
    ReplaceHeader(&'static str, &'static str, &'static str, &'static str),
    /// Hides the origin of a request.
    HideOrigin,
    /// Collects answers before it passes them on.
    Collect,
}

/// The front itself.
pub(super) struct Front {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
    listener: Option<TcpListener>,
}

#[derive(Debug, Default)]
struct State {
    behind: String,
    damages: Vec<Damage>,
    /// Line and headers of each request.
    passed: Vec<String>,
}

type Shared = (Arc<Mutex<State>>, reqwest::Client);

impl Front {
    pub(super) async fn bind() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        Self {
            url,
            state: Arc::default(),
            listener: Some(listener),
        }
    }

    /// Stands in front of the server at `behind` from now on.
    pub(super) fn serve(&mut self, behind: String, http: reqwest::Client) {
        self.state.lock().unwrap().behind = behind;
        let routes = Router::new()
            .fallback(pass)
            .with_state((self.state.clone(), http));
        let listener = self.listener.take().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await });
    }

    /// Does this from now on, and nothing else.
    pub(super) fn spoil(&self, damages: &[Damage]) {
        self.state.lock().unwrap().damages = damages.to_vec();
    }

    /// Takes line and headers of each request that has come.
    pub(super) fn passed(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().passed)
    }
}

async fn pass(
    extract::State((state, http)): extract::State<Shared>,
    mut request: Request,
) -> Response {
    let (behind, damages) = {
        let mut state = state.lock().unwrap();
        let head = format!("{} {:?}", request.uri(), request.headers());
        state.passed.push(head);
        (state.behind.clone(), state.damages.clone())
    };
    let path = request.uri().path().to_owned();
    for damage in &damages {
        match damage {
            Damage::Status(wanted, status) if *wanted == path => {
                return StatusCode::from_u16(*status).unwrap().into_response();
            }
            Damage::Redirect(location) => {
                return (StatusCode::FOUND, [("location", *location)]).into_response();
            }
            Damage::HideOrigin => {
                request.headers_mut().remove("origin");
            }
            _ => {}
        }
    }
    let url = format!("{behind}{}", request.uri().path_and_query().unwrap());
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let answer = http
        .request(parts.method, url)
        .headers(parts.headers)
        .body(body)
        .send()
        .await
        .unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    let mut body = if damages
        .iter()
        .any(|damage| matches!(damage, Damage::Collect))
    {
        Body::from(answer.bytes().await.unwrap())
    } else {
        Body::from_stream(answer.bytes_stream())
    };
    for damage in damages {
        body = spoil(damage, &path, &mut headers, body).await;
    }
    (status, headers, body).into_response()
}

/// Does one thing to an answer.
async fn spoil(damage: Damage, path: &str, headers: &mut HeaderMap, body: Body) -> Body {
    match damage {
        Damage::Replace(wanted, from, to) if wanted == path && !is_stream(headers) => {
            headers.remove("content-length");
            let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            return Body::from(text.replace(from, to));
        }
        Damage::Drop(wanted, name) if wanted == path => {
            headers.remove(name);
        }
        Damage::Set(wanted, name, value) if wanted == path => {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        Damage::ReplaceHeader(wanted, name, from, to) if wanted == path => {
            let value = headers[name].to_str().unwrap().replace(from, to);
            headers.insert(HeaderName::from_static(name), value.try_into().unwrap());
        }
        _ => {}
    }
    body
}

fn is_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get("content-type");
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}
