//! What a browser says about a request (W3C Fetch Metadata Request Headers).
//! Programs and older browsers say nothing, and are held by cookies alone.

use http::HeaderMap;
use http::header::ORIGIN;

use crate::config::BaseUrl;

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Whether the answer would become anything else than a page of its own: a
/// frame, an image, a script's data.
pub(super) fn is_embedded(headers: &HeaderMap) -> bool {
    text(headers, "sec-fetch-dest").is_some_and(|destination| destination != "document")
}

/// Whether no site sent the person here: the address was typed, or opened by a
/// program. A mail or chat program with somebody else's link is one too, so
/// this alone does not say that the person began it.
pub(super) fn came_from_no_site(headers: &HeaderMap) -> bool {
    text(headers, "sec-fetch-site") == Some("none")
}

/// Whether a form was submitted by another site's page. `Origin` is `null`
/// from our own pages, which send no referrer (Fetch standard, "append a
/// request `Origin` header").
pub(super) fn is_foreign_submission(headers: &HeaderMap, base: &BaseUrl) -> bool {
    let foreign_site = text(headers, "sec-fetch-site").is_some_and(|site| site != "same-origin");
    let foreign_origin = headers
        .get(ORIGIN)
        .is_some_and(|origin| origin != "null" && origin != base.as_str());
    foreign_site || foreign_origin
}
