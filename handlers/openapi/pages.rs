//! `GET /api/docs` and `GET /api/redoc`: the document, for people.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use entrada_ambient::Random;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue};
use maud::{DOCTYPE, Markup, html};

/// Two style elements that Redoc makes before it knows its nonce, one of them
/// empty, named by their hashes.
const REDOC_STYLES: &str = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' \
    'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='";

/// The document in Swagger UI, where it can be tried with a token.
pub async fn swagger_ui() -> Response {
    let content = html! {
        div #swagger-ui {}
        script src="docs/swagger-ui-bundle.js" {}
        script src="docs/start-swagger-ui.js" {}
    };
    page("API", Some("docs/swagger-ui.css"), None, &content)
}

/// The document in Redoc. Its styles are made by its script, which marks them
/// with a nonce of this answer (Content Security Policy Level 3 section
/// 2.3.1).
pub async fn redoc(State(random): State<Arc<dyn Random>>) -> Response {
    let nonce = random.secret();
    let content = html! {
        div #redoc data-nonce=(nonce) {}
        script src="docs/redoc.standalone.js" {}
        script src="docs/start-redoc.js" {}
    };
    page("API reference", None, Some(&nonce), &content)
}

fn page(title: &str, style: Option<&str>, nonce: Option<&str>, content: &Markup) -> Response {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                link rel="icon" href="data:,";
                title { (title) " · Entrada" }
                link rel="stylesheet" href="docs/pages.css";
                @if let Some(style) = style { link rel="stylesheet" href=(style); }
            }
            body {
                (content)
                footer { a href="docs/licences.txt" { "Licences of what this page is made of" } }
            }
        }
    };
    (headers(nonce), document.into_string()).into_response()
}

/// Our own files, requests to ourselves, and nothing else from anywhere.
fn headers(nonce: Option<&str>) -> HeaderMap {
    let styles = nonce.map_or_else(String::new, |nonce| {
        format!(" 'nonce-{nonce}' {REDOC_STYLES}")
    });
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'{styles}; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::from_str(&policy)
        .unwrap_or(HeaderValue::from_static("default-src 'none'; sandbox"));
    let set = |text| HeaderValue::from_static(text);
    HeaderMap::from_iter([
        (CONTENT_SECURITY_POLICY, policy),
        (CONTENT_TYPE, set("text/html; charset=utf-8")),
        (CACHE_CONTROL, set("no-store")),
        (REFERRER_POLICY, set("no-referrer")),
        (X_CONTENT_TYPE_OPTIONS, set("nosniff")),
        (X_FRAME_OPTIONS, set("DENY")),
    ])
}
