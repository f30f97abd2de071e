//! The pages of a request that goes no further.

use axum::response::Response;
use http::StatusCode;
use maud::html;
use url::Url;

use crate::pages::page;

/// What is wrong and what to do next. The person came from a client, so
/// there is no link to go on.
pub(crate) fn refusal_page(status: StatusCode, title: &str, detail: &str) -> Response {
    let content = html! {
        p { (detail) }
        p.hint { "You can close this page." }
    };
    page(status, title, &content, None)
}

/// What is wrong, and a link by which the person tells a website that nobody
/// here has checked.
pub(super) fn return_page(what: &str, location: &str) -> Response {
    let host = Url::parse(location)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned))
        .unwrap_or_default();
    let content = html! {
        p { "The client asked for something that cannot be given: " (what) ". Nothing was shared with it." }
        p { "It can be told at " strong { (host) } ", an address that nobody here has checked. Go there only if you came from it." }
        p { a href=(location) rel="noreferrer" { "Return to " (host) } }
    };
    page(
        StatusCode::BAD_REQUEST,
        "This sign-in cannot begin",
        &content,
        None,
    )
}
