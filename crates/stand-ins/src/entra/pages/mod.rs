//! The pages that people see. They work without scripts, load nothing from
//! elsewhere, and say that this is not the real thing.

mod consent;
mod form_post;
mod sign_in;

use axum::http::StatusCode;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{Html, IntoResponse, Response};

use super::error::{EntraError, Trace};
use crate::directory;

pub(super) use consent::{ConsentPage, consent};
pub(super) use form_post::form_post;
pub(super) use sign_in::{SignInPage, sign_in};

const STYLE: &str = include_str!("style.css");

/// Text as it may stand in HTML, in an attribute too.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A whole page. `main` is HTML, `title` is text.
fn page(status: StatusCode, title: &str, main: &str) -> Response {
    let title = escape(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <p class=\"notice\"><strong>Local stand-in</strong> for Microsoft Entra ID. These people \
         are made up, and no password is asked for.</p>\n<main>\n{main}\n</main>\n</body>\n</html>\n"
    );
    with_headers((status, Html(html)).into_response(), "")
}

/// Headers of every page. No `form-action`: browsers hold it against the
/// redirect that answers a form.
fn with_headers(response: Response, scripts: &str) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'\
         {scripts}"
    );
    (
        [
            (CONTENT_SECURITY_POLICY, policy.as_str()),
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        response,
    )
        .into_response()
}

/// A refusal that only the person may see.
pub(super) fn error(error: &EntraError, trace: &Trace) -> Response {
    let main = format!(
        "<h1>Sorry, but we’re having trouble signing you in.</h1>\n\
         <p class=\"error\" role=\"alert\">{}</p>\n\
         <dl class=\"facts\"><dt>Correlation ID</dt><dd>{}</dd><dt>Trace ID</dt><dd>{}</dd></dl>",
        escape(&error.summary()),
        trace.correlation_id,
        trace.request_id,
    );
    page(StatusCode::BAD_REQUEST, "Sign in: error", &main)
}

/// After sign-out, when there is nowhere to go.
pub(super) fn signed_out() -> Response {
    let main = "<h1>You signed out of your account</h1>\n\
                <p class=\"lead\">It’s a good idea to close all browser windows.</p>";
    page(StatusCode::OK, "Signed out", main)
}

/// `GET /`: what this is, for someone who opens the address.
pub(super) async fn index() -> Response {
    let people: Vec<String> = directory::personas()
        .iter()
        .map(|persona| {
            format!(
                "<li><strong>{}</strong> <span class=\"upn\">{}</span></li>\n",
                escape(persona.name),
                escape(persona.description)
            )
        })
        .collect();
    let main = format!(
        "<h1>Entrada’s stand-ins</h1>\n\
         <p class=\"lead\">What the server needs from outside, on this machine.</p>\n\
         <dl class=\"facts\">\n\
         <dt>Tenants</dt><dd>contoso.example, fabrikam.example</dd>\n\
         <dt>Discovery</dt>\
         <dd><a href=\"/organizations/v2.0/.well-known/openid-configuration\">OpenID \
         configuration</a>, <a href=\"/common/discovery/v2.0/keys\">signing keys</a></dd>\n\
         <dt>Control</dt><dd><a href=\"/stand-in/requests\">requests received</a></dd>\n</dl>\n\
         <h2>People</h2>\n<ul class=\"permissions\">\n{}</ul>",
        people.concat()
    );
    page(StatusCode::OK, "Stand-ins", &main)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            escape("<a href=\"x\" id='y'>&"),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;"
        );
    }
}
