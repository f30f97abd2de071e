//! The public base URL, from which issuer, audiences and redirect URIs come.

use url::Url;

/// The public base URL: an origin without a slash at the end, such as
/// `https://entrada.example`. Issuer, audiences and `resource` values are
/// built from this one string, so that they are equal byte for byte
/// (RFC 8414 section 3.3 has clients compare them so).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    url: Url,
}

impl BaseUrl {
    /// Takes `text` if it is an http or https origin.
    ///
    /// # Errors
    /// With the reason, when it is not a URL, has another scheme, or has a
    /// path, a query, a fragment or credentials.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("must be an http or https URL");
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("must be an origin alone, without path, query or fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold credentials");
        }
        Ok(Self {
            text: url.as_str().trim_end_matches('/').to_owned(),
            url,
        })
    }

    /// The URL without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL of `path`, which begins with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }

    /// Whether cookies can be `Secure` and carry the `__Host-` prefix.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// `host` or `host:port`, as a `Host` header names it.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.text
            .split_once("://")
            .map_or(self.text.as_str(), |(_, authority)| authority)
    }
}

/// Whether a URL's host is `localhost`, `127.0.0.0/8` or `[::1]`.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailing_slash_and_a_default_port_are_dropped() {
        let base = BaseUrl::parse("https://Entrada.Example:443/").unwrap();
        assert_eq!(base.as_str(), "https://entrada.example");
        assert_eq!(base.join("/mcp"), "https://entrada.example/mcp");
        assert_eq!(base.authority(), "entrada.example");
    }

    #[test]
    fn anything_but_an_origin_is_refused() {
        for text in [
            "entrada.example",
            "ftp://a",
            "https://a/b",
            "https://a?b",
            "https://u:p@a",
        ] {
            assert!(BaseUrl::parse(text).is_err(), "{text}");
        }
    }
}
