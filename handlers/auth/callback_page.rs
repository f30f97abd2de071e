//! The pages that `/auth/callback` shows when no front end waits.

use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// No script, nothing loaded, no frame: the page holds a code.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("page.css");

/// A page with our style and headers.
pub(super) fn page(status: StatusCode, title: &str, content: &Markup) -> Response {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) " · Entrada" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    p.brand { "Entrada" }
                    h1 { (title) }
                    (content)
                }
            }
        }
    };
    let headers = [
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
    ];
    (status, headers, document.into_string()).into_response()
}

/// Signed in: who, and the one-time code to hand on.
pub(super) fn signed_in(
    name: &str,
    email: Option<&str>,
    auth_code: &str,
    seconds: i64,
) -> Response {
    let content = html! {
        p { "You are signed in as " strong { (name) } @if let Some(email) = email { " (" (email) ")" } "." }
        p { "This one-time code finishes the sign-in. It works once, within " (seconds) " seconds:" }
        pre tabindex="0" { code id="auth_code" { (auth_code) } }
        p.hint { "Send it to " code { "POST /auth/exchange" } " as " code { "auth_code" } ", then close this page." }
    };
    page(StatusCode::OK, "Signed in", &content)
}

/// Something went wrong, and what to do next.
pub(super) fn failed(status: StatusCode, detail: &str) -> Response {
    let content = html! {
        p { (detail) }
        p { a.button href="/auth/login" { "Begin again" } }
    };
    page(status, "Sign-in did not finish", &content)
}
