//! `GET /`: there is a server, and this is where things are.
//!
//! The Functions host asks every 25 ms until anything answers
//! (azure-functions-host, `DefaultHttpWorkerService.IsWorkerReady`), so the
//! answer is made once and touches nothing.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{Markup, html};
use serde_json::json;

use crate::config::BaseUrl;
use crate::pages::page;

/// What the two forms of the answer say.
#[derive(Debug)]
pub struct Root {
    json: String,
    /// What the page says.
    page: Markup,
}

/// What a visitor may want: title and path.
const LINKS: [(&str, &str, &str); 6] = [
    ("mcp", "MCP endpoint", "/mcp"),
    ("login", "Sign in", "/auth/login"),
    ("info", "How to sign in, for programs", "/auth/info"),
    ("health", "Health", "/api/health"),
    ("docs", "API documentation", "/api/docs"),
    (
        "resource_metadata",
        "Protected resource metadata",
        "/.well-known/oauth-protected-resource/mcp",
    ),
];

impl Root {
    /// The answer of a server at `base`.
    #[must_use]
    pub fn new(base: &BaseUrl) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let links: serde_json::Map<_, _> = LINKS
            .iter()
            .map(|(name, _, path)| ((*name).to_owned(), json!(base.join(path))))
            .collect();
        let json = json!({"name": "entrada", "version": version, "links": links}).to_string();
        let page = html! {
            p { "This server puts Microsoft Entra ID in front of an organisation's AI agents and MCP tools." }
            ul { @for (_, title, path) in LINKS { li { a href=(path) { (title) } " " code { (path) } } } }
            p.hint { "MCP clients: add " code { (base.join("/mcp")) } ". This is version " (version) "." }
        };
        Self { json, page }
    }
}

/// Answers at once, whatever else is away.
pub async fn root(State(root): State<Arc<Root>>, headers: HeaderMap) -> Response {
    let wants_html = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    let mut response = if wants_html {
        page(StatusCode::OK, "The way in", &root.page, None)
    } else {
        let json = HeaderValue::from_static("application/json");
        ([(CONTENT_TYPE, json)], root.json.clone()).into_response()
    };
    let vary = HeaderValue::from_static("accept");
    response.headers_mut().insert(VARY, vary);
    response
}
