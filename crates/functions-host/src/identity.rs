//! How this host introduces itself to a handler.

use http::{HeaderName, HeaderValue};
use uuid::Uuid;

/// The version of the Functions host whose behaviour this one follows.
pub(crate) const HOST_VERSION: &str = "4.1044.350";

/// Present on every request to a handler.
pub(crate) const HOST_VERSION_HEADER: HeaderName =
    HeaderName::from_static("x-azure-functions-hostversion");

/// Present on every request to a handler, new for each.
pub(crate) const INVOCATION_ID_HEADER: HeaderName =
    HeaderName::from_static("x-azure-functions-invocationid");

/// The value of an invocation id header.
pub(crate) fn invocation_id(id: Uuid) -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    let text = id.hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
