use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;

/// How the process's one HTTP client behaves.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// Time allowed for connecting, TLS handshake included.
    pub connect_timeout: Duration,
    /// Longest silence allowed before and in an answer. A stream that keeps
    /// talking may go on. By default longer than any service may be silent:
    /// agents for two minutes, and whoever waits less for another service has
    /// a limit of its own.
    pub read_timeout: Duration,
    /// Idle connections kept per host.
    pub idle_connections: usize,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(150),
            idle_connections: 32,
        }
    }
}

/// The client could not be made: no TLS roots, for instance.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be made")]
pub struct NetworkError(#[from] reqwest::Error);

/// The HTTP client that every outgoing request goes through: rustls with the
/// system's root certificates (`SSL_CERT_FILE` adds a private CA's), no
/// redirects (a redirect would carry a request to an address that nobody
/// checked), no proxy from the environment.
///
/// # Errors
/// When the TLS backend cannot be initialised.
pub fn http_client(options: &NetworkOptions) -> Result<reqwest::Client, NetworkError> {
    Ok(builder(options).build()?)
}

/// An [`http_client`] that asks `resolver` for the addresses of names and
/// connects to what it answers: the place to refuse addresses, since nothing
/// can change between such a check and the connection. (Addresses written
/// into a URL are never resolved: whoever makes the request checks those.)
///
/// # Errors
/// When the TLS backend cannot be initialised.
pub fn http_client_with_resolver<R: Resolve + 'static>(
    options: &NetworkOptions,
    resolver: Arc<R>,
) -> Result<reqwest::Client, NetworkError> {
    Ok(builder(options).dns_resolver(resolver).build()?)
}

#[expect(clippy::disallowed_methods, reason = "this is the seam")]
fn builder(options: &NetworkOptions) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("entrada/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        .pool_max_idle_per_host(options.idle_connections)
        .tcp_nodelay(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_client_can_be_made() {
        assert!(http_client(&NetworkOptions::default()).is_ok());
    }

    #[derive(Debug)]
    struct Nowhere;

    impl Resolve for Nowhere {
        fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
            Box::pin(std::future::ready(Err("nowhere to be found".into())))
        }
    }

    #[tokio::test]
    async fn the_resolver_that_is_given_decides_where_a_name_leads() {
        let http =
            http_client_with_resolver(&NetworkOptions::default(), Arc::new(Nowhere)).unwrap();
        let error = http.get("http://localhost/").send().await.unwrap_err();
        assert!(format!("{error:?}").contains("nowhere to be found"));
    }
}
