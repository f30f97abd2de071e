use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{STYLE, escape, with_headers};
use crate::encoding::sha256;

/// Sends the form when there is someone to run it; without scripts there is a
/// button.
const SCRIPT: &str = "document.forms[0].submit()";

/// The page of the `form_post` response mode (OAuth 2.0 Form Post Response
/// Mode): a form that sends `fields` to `action`.
pub(in super::super) fn form_post(action: &str, fields: &[(&'static str, String)]) -> Response {
    let inputs: Vec<String> = fields
        .iter()
        .map(|(name, value)| {
            format!(
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n",
                escape(value)
            )
        })
        .collect();
    let inputs = inputs.concat();
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Working…</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <form method=\"post\" action=\"{}\">\n{inputs}\
         <p class=\"lead\">Signed in.</p>\n<button class=\"primary\">Continue</button>\n</form>\n\
         </main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        escape(action)
    );
    let hash = STANDARD.encode(sha256(SCRIPT.as_bytes()));
    with_headers(
        (StatusCode::OK, Html(html)).into_response(),
        &format!("; script-src 'sha256-{hash}'"),
    )
}
