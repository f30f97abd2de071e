//! Pages for people: one look, no script, nothing loaded from elsewhere.

mod redirect;

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(crate) use redirect::{add_cookies, redirect};

const STYLE: &str = include_str!("page.css");

/// The one style sheet, named by its hash (Content Security Policy Level 3
/// section 2.3.1), so that no other style counts.
static STYLE_SOURCE: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!("'sha256-{hash}'")
});

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// A page with our style and headers: no script, no frame around it, nothing
/// kept, no address told to others. `form_targets` are the sources (Content
/// Security Policy) that its forms may lead to; none: it has no forms.
pub(crate) fn page(
    status: StatusCode,
    title: &str,
    content: &Markup,
    form_targets: Option<&str>,
) -> Response {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="robots" content="noindex";
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
    (status, headers(form_targets), document.into_string()).into_response()
}

fn headers(form_targets: Option<&str>) -> HeaderMap {
    let policy = format!(
        "default-src 'none'; style-src {}; base-uri 'none'; form-action {}; frame-ancestors 'none'",
        *STYLE_SOURCE,
        form_targets.unwrap_or("'none'")
    );
    let policy = HeaderValue::from_str(&policy)
        .unwrap_or(HeaderValue::from_static("default-src 'none'; sandbox"));
    HeaderMap::from_iter([
        (CONTENT_SECURITY_POLICY, policy),
        (
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (
            CROSS_ORIGIN_OPENER_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
        (
            CROSS_ORIGIN_RESOURCE_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
    ])
}
