//! The page of a request that goes no further and has nobody to return to.

use axum::response::Response;
use http::StatusCode;
use maud::html;

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
