//! The address that a request comes from.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderName};

/// Where a caller's address is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressSource {
    /// In a header that somebody trusted writes, over whatever the caller
    /// sent: Azure's front end, or a proxy.
    Header(HeaderName),
    /// The other end of the connection.
    Peer,
    /// Nowhere: a Functions host is the other end of every connection, and
    /// nobody says what it passes on.
    Unknown,
}

impl AddressSource {
    /// The caller's address, by the headers and extensions of its request.
    #[must_use]
    pub fn find(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
        let address = match self {
            Self::Header(name) => from_header(headers, name),
            Self::Peer => extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|ConnectInfo(peer)| peer.ip()),
            Self::Unknown => None,
        };
        address.map(|address| address.to_canonical())
    }
}

/// The address of a request's caller; `None` when nobody says. Whoever
/// counts by address then counts such callers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl<S> FromRequestParts<S> for ClientAddress
where
    S: Send + Sync,
    AddressSource: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let source = AddressSource::from_ref(state);
        Ok(Self(source.find(&parts.headers, &parts.extensions)))
    }
}

/// The last value of the header: what was appended last was written nearest
/// to us.
fn from_header(headers: &HeaderMap, name: &HeaderName) -> Option<IpAddr> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    parse(value.rsplit(',').next()?.trim())
}

/// `ip`, `ip:port`, `[v6]` or `[v6]:port`.
fn parse(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    let bracketed = text.strip_prefix('[')?.strip_suffix(']')?;
    bracketed.parse().ok().filter(IpAddr::is_ipv6)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use http::Request;
    use tower::ServiceExt;

    use super::*;

    #[derive(Clone)]
    struct State(AddressSource);

    impl FromRef<State> for AddressSource {
        fn from_ref(state: &State) -> Self {
            state.0.clone()
        }
    }

    async fn seen(source: AddressSource, request: Request<Body>) -> String {
        let show = |ClientAddress(address): ClientAddress| async move { format!("{address:?}") };
        let app = Router::new()
            .route("/", get(show))
            .with_state(State(source));
        let response = app.oneshot(request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 1000)
            .await
            .unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    fn header() -> AddressSource {
        AddressSource::Header(HeaderName::from_static("client-ip"))
    }

    #[tokio::test]
    async fn the_header_is_read_in_all_its_forms() {
        for (value, expected) in [
            ("203.0.113.9", "Some(203.0.113.9)"),
            ("203.0.113.9:51234", "Some(203.0.113.9)"),
            ("2001:db8::7", "Some(2001:db8::7)"),
            ("[2001:db8::7]:51234", "Some(2001:db8::7)"),
            ("[2001:db8::7]", "Some(2001:db8::7)"),
            ("::ffff:203.0.113.9", "Some(203.0.113.9)"),
            ("198.51.100.1, 203.0.113.9:80", "Some(203.0.113.9)"),
            ("unknown", "None"),
            ("", "None"),
            ("203.0.113.9:port", "None"),
            ("[203.0.113.9]", "None"),
        ] {
            let request = Request::get("/").header("client-ip", value);
            let request = request.body(Body::empty()).unwrap();
            assert_eq!(seen(header(), request).await, expected, "{value}");
        }
    }

    #[tokio::test]
    async fn of_several_headers_the_last_counts() {
        let request = Request::get("/")
            .header("client-ip", "198.51.100.1")
            .header("client-ip", "203.0.113.9");
        let request = request.body(Body::empty()).unwrap();
        assert_eq!(seen(header(), request).await, "Some(203.0.113.9)");
    }

    #[tokio::test]
    async fn one_source_never_stands_in_for_the_other() {
        let peer: SocketAddr = "192.0.2.5:1".parse().unwrap();
        let mut request = Request::get("/").body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        assert_eq!(seen(header(), request).await, "None");

        let mut request = Request::get("/")
            .header("client-ip", "203.0.113.9")
            .body(Body::empty())
            .unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        assert_eq!(seen(AddressSource::Peer, request).await, "Some(192.0.2.5)");

        let mut request = Request::get("/")
            .header("client-ip", "203.0.113.9")
            .body(Body::empty())
            .unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        assert_eq!(seen(AddressSource::Unknown, request).await, "None");
    }
}
