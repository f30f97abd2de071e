//! The suite sends no token. This stands before a server on loopback and adds
//! one to every request; everything else passes as it is.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::net::TcpListener;

/// A proxy that adds a bearer token.
pub(super) struct Proxy {
    listener: TcpListener,
}

#[derive(Clone)]
struct Target {
    base: String,
    token: String,
    http: reqwest::Client,
}

impl Proxy {
    /// A place for a proxy, so that the server can be told its own name.
    pub(super) async fn bind() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        Self { listener }
    }

    /// Where clients find it, without a slash at the end.
    pub(super) fn base(&self) -> String {
        let port = self.listener.local_addr().unwrap().port();
        format!("http://localhost:{port}")
    }

    /// Passes requests on to `server` with `token`, until the test ends.
    pub(super) fn serve(self, server: &str, token: String, http: reqwest::Client) {
        let target = Target {
            base: server.to_owned(),
            token,
            http,
        };
        let router = Router::new().fallback(pass_on).with_state(target);
        tokio::spawn(async move { axum::serve(self.listener, router).await.unwrap() });
    }
}

async fn pass_on(State(target): State<Target>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap();
    let passed = target
        .http
        .request(parts.method, format!("{}{path}", target.base))
        .headers(parts.headers)
        .bearer_auth(&target.token)
        .body(reqwest::Body::wrap_stream(body.into_data_stream()))
        .send()
        .await
        .unwrap();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = passed.status();
    *response.headers_mut() = passed.headers().clone();
    // Both connections frame their bodies for themselves.
    response.headers_mut().remove("transfer-encoding");
    *response.body_mut() = Body::from_stream(passed.bytes_stream());
    response
}
