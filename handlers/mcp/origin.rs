//! `Origin` and `Host` on `/mcp`: what stops a page in a browser from
//! talking to this server under another name (DNS rebinding).

use http::{HeaderMap, StatusCode, header};

use crate::config::BaseUrl;
use crate::error::ApiError;

/// The names that the server answers to and the origins that may call.
#[derive(Debug)]
pub struct AllowedOrigins {
    base: BaseUrl,
    origins: Vec<String>,
}

impl AllowedOrigins {
    /// The server at `base`, callable from its own origin and from
    /// `origins`.
    #[must_use]
    pub fn new(base: BaseUrl, origins: &[String]) -> Self {
        let origins = origins
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
            .collect();
        Self { base, origins }
    }

    /// Refuses foreign origins (MCP 2025-11-25, Streamable HTTP, security
    /// warning), and foreign names where the server's own is no https name. A
    /// page that had such a name lead elsewhere would need its certificate
    /// there, and what stands in front of a server may well pass another name
    /// on than the public one.
    ///
    /// # Errors
    /// 403 with what is not allowed.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let refusal = if !self.origin_allowed(headers) {
            "This origin may not call: ENTRADA_CORS_ORIGINS does not name it."
        } else if !self.base.is_https() && !self.host_allowed(headers) {
            "This server does not answer to that name: see ENTRADA_BASE_URL."
        } else {
            return Ok(());
        };
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "ORIGIN_REFUSED",
            refusal,
        ))
    }

    fn origin_allowed(&self, headers: &HeaderMap) -> bool {
        headers.get_all(header::ORIGIN).iter().all(|value| {
            value.to_str().is_ok_and(|origin| {
                let origin = origin.to_ascii_lowercase();
                origin == self.base.as_str() || self.origins.contains(&origin)
            })
        })
    }

    /// The name that the client used: the Functions host replaces `Host` and
    /// keeps the original in `X-Forwarded-Host`, overwriting what a client
    /// sends there (azure-functions-host, `DefaultHttpProxyService.cs`).
    fn host_allowed(&self, headers: &HeaderMap) -> bool {
        let named = headers
            .get("x-forwarded-host")
            .or_else(|| headers.get(header::HOST));
        let Some(host) = named.and_then(|value| value.to_str().ok()) else {
            return false;
        };
        host.eq_ignore_ascii_case(self.base.authority()) || is_local_name(host)
    }
}

/// `localhost`, `127.0.0.1` or `[::1]`, with any port: names that no page on
/// the internet can have.
fn is_local_name(host: &str) -> bool {
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| {
        host.strip_prefix(name).is_some_and(|rest| {
            rest.is_empty()
                || rest
                    .strip_prefix(':')
                    .is_some_and(|port| port.parse::<u16>().is_ok())
        })
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn allowed(base: &str) -> AllowedOrigins {
        AllowedOrigins::new(
            BaseUrl::parse(base).unwrap(),
            &["https://app.example".to_owned()],
        )
    }

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        headers
    }

    #[test]
    fn own_and_named_origins_may_call_and_others_not() {
        let allowed = allowed("https://entrada.example");
        for origin in ["https://entrada.example", "https://app.example"] {
            assert!(allowed.check(&with("origin", origin)).is_ok());
        }
        assert!(allowed.check(&HeaderMap::new()).is_ok());
        for origin in [
            "https://evil.example",
            "null",
            "https://app.example.evil.example",
        ] {
            let refused = allowed.check(&with("origin", origin));
            assert!(refused.is_err(), "{origin}");
        }
    }

    #[test]
    fn the_forwarded_name_decides_when_there_is_one() {
        let allowed = allowed("http://entrada.example");
        assert!(allowed.check(&with("host", "entrada.example")).is_ok());
        assert!(allowed.check(&with("host", "127.0.0.1:7071")).is_ok());
        assert!(allowed.check(&with("host", "evil.example")).is_err());
        let longer = with("host", "localhost.evil.example");
        assert!(allowed.check(&longer).is_err());
        assert!(allowed.check(&HeaderMap::new()).is_err());
        let mut headers = with("host", "127.0.0.1:40001");
        headers.insert("x-forwarded-host", HeaderValue::from_static("evil.example"));
        assert!(allowed.check(&headers).is_err());
    }

    #[test]
    fn a_server_with_an_https_name_answers_to_what_a_front_door_calls_it() {
        let allowed = allowed("https://entrada.example");
        let mut headers = with("host", "127.0.0.1:40001");
        let inner = HeaderValue::from_static("site.azurewebsites.example");
        headers.insert("x-forwarded-host", inner);
        assert!(allowed.check(&headers).is_ok());
        let page = HeaderValue::from_static("https://site.azurewebsites.example");
        headers.insert("origin", page);
        assert!(allowed.check(&headers).is_err(), "that is no public name");
    }
}
