use std::net::IpAddr;

use entrada_ambient::Random;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::identity::{HOST_VERSION, HOST_VERSION_HEADER, INVOCATION_ID_HEADER, invocation_id};

/// Not carried over, in either direction (YARP,
/// `RequestUtilities._headersToExclude`). Headers that `Connection` names are
/// carried over all the same, as was seen.
const HOP_BY_HOP: [&str; 17] = [
    "connection",
    "transfer-encoding",
    "keep-alive",
    "upgrade",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-features",
    "proxy-instruction",
    "security-scheme",
    "alpn",
    "close",
    "http2-settings",
    "upgrade-insecure-requests",
    "te",
    "alt-svc",
];

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const CORRELATION: HeaderName = HeaderName::from_static("x-ms-invocation-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Makes the client's headers those that a handler gets: hop-by-hop ones and
/// `Host` gone, the forwarding ones set anew (what the client claims is lost),
/// the host's own ones set over any that the client sent.
pub(super) fn transform_request(headers: &mut HeaderMap, peer: IpAddr, random: &dyn Random) {
    remove_hop_by_hop(headers);
    headers.remove(header::FORWARDED);
    headers.remove(FORWARDED_PREFIX);
    match headers.remove(header::HOST) {
        Some(host) => headers.insert(FORWARDED_HOST, host),
        None => headers.remove(FORWARDED_HOST),
    };
    set(headers, FORWARDED_FOR, &peer.to_string());
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    let id = invocation_id(random.uuid_v4());
    headers.insert(HOST_VERSION_HEADER, HeaderValue::from_static(HOST_VERSION));
    headers.insert(INVOCATION_ID_HEADER, id.clone());
    headers.insert(CORRELATION, id);
    if !headers.contains_key(TRACEPARENT) {
        set(headers, TRACEPARENT, &new_traceparent(random));
    }
}

/// Removes what belongs to one connection alone.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// What .NET injects when the caller sent none: flags 00, since the host does
/// not sample (W3C Trace Context).
fn new_traceparent(random: &dyn Random) -> String {
    let trace = random.uuid_v4().simple().to_string();
    let span: String = random
        .uuid_v4()
        .simple()
        .to_string()
        .chars()
        .take(16)
        .collect();
    format!("00-{trace}-{span}-00")
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
