use std::time::Duration;

/// How the process's one HTTP client behaves.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// Time allowed for connecting, TLS handshake included.
    pub connect_timeout: Duration,
    /// Longest silence allowed while an answer is being read. A stream that
    /// keeps talking may go on.
    pub read_timeout: Duration,
    /// Idle connections kept per host.
    pub idle_connections: usize,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_mins(1),
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
#[expect(clippy::disallowed_methods, reason = "this is the seam")]
pub fn http_client(options: &NetworkOptions) -> Result<reqwest::Client, NetworkError> {
    Ok(reqwest::Client::builder()
        .user_agent(concat!("entrada/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        .pool_max_idle_per_host(options.idle_connections)
        .tcp_nodelay(true)
        .build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_client_can_be_made() {
        assert!(http_client(&NetworkOptions::default()).is_ok());
    }
}
