use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use http::Request;
use http::header::HeaderMap;
use http::request::Parts;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, DuplexStream};

/// Larger than any head that the server reads.
const ROOM: usize = 1024 * 1024;

/// Headers that Kestrel knows, as it spells them and in the order in which it
/// lists them: before all others, `Content-Length` last.
const KNOWN: [&str; 39] = [
    "Accept",
    "Connection",
    "Host",
    "User-Agent",
    "Accept-Charset",
    "Accept-Encoding",
    "Accept-Language",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Alt-Used",
    "Authorization",
    "baggage",
    "Cache-Control",
    "Content-Type",
    "Cookie",
    "Correlation-Context",
    "Date",
    "Expect",
    "From",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Keep-Alive",
    "Origin",
    "Pragma",
    "Proxy-Authorization",
    "Range",
    "Referer",
    "Request-Id",
    "TE",
    "traceparent",
    "tracestate",
    "Transfer-Encoding",
    "Upgrade",
    "Upgrade-Insecure-Requests",
    "Via",
    "Content-Length",
];

/// The headers of a request as the extension passes them on: known names
/// spelt as Kestrel does and first, others as they were received; repeated ones
/// joined with `,`.
pub(super) async fn headers(parts: &Parts) -> Vec<(String, String)> {
    let received = received_spellings(parts).await;
    let mut listed: Vec<(String, String)> = KNOWN
        .iter()
        .filter(|name| parts.headers.contains_key(**name))
        .map(|name| ((*name).to_owned(), joined(&parts.headers, name)))
        .collect();
    for name in parts.headers.keys() {
        if KNOWN
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name.as_str()))
        {
            continue;
        }
        let spelling = received
            .get(name.as_str())
            .map_or_else(|| name.to_string(), Clone::clone);
        listed.push((spelling, joined(&parts.headers, name.as_str())));
    }
    listed
}

fn joined(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    values.join(",")
}

/// How the client spelt each name, by the name in lower case. Hyper keeps the
/// spellings where nothing but its own encoder can read them, so the head is
/// encoded once more, into memory, and read from there.
async fn received_spellings(parts: &Parts) -> BTreeMap<String, String> {
    let (near, far) = tokio::io::duplex(ROOM);
    let handshake = http1::Builder::new()
        .preserve_header_case(true)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(near));
    let Ok((mut sender, connection)) = handshake.await else {
        return BTreeMap::new();
    };
    let mut request = Request::new(Empty::new());
    *request.headers_mut() = parts.headers.clone();
    *request.extensions_mut() = parts.extensions.clone();
    // It never completes: nobody answers on the other end.
    let exchange = async { tokio::join!(connection, sender.send_request(request)) };
    tokio::select! {
        head = read_head(far) => names(&head),
        _ = exchange => BTreeMap::new(),
    }
}

async fn read_head(mut stream: DuplexStream) -> BytesMut {
    let mut head = BytesMut::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read_buf(&mut head).await {
            Ok(read) if read > 0 => {}
            _ => break,
        }
    }
    head
}

fn names(head: &[u8]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for line in String::from_utf8_lossy(head).lines().skip(1) {
        if let Some((name, _)) = line.split_once(':') {
            names
                .entry(name.to_ascii_lowercase())
                .or_insert_with(|| name.to_owned());
        }
    }
    names
}
