//! Fetching documents from URLs that strangers chose, so that nobody can
//! send the server anywhere it should not go (server-side request forgery).

use std::collections::HashMap;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use entrada_ambient::{NetworkOptions, http_client_with_resolver};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::{AcquireError, OnceCell, Semaphore, SemaphorePermit};
use url::{Host, Url};

use super::address_policy::AddressPolicy;
use super::error::ClientError;
use super::lifetime::lifetime;
use super::resolver::{AddressRefused, CheckedResolver, NameLookup};
use crate::config::BaseUrl;

/// The largest document, in bytes (the draft's recommendation).
const LARGEST: usize = 5 * 1024;
/// Time for one document, from the name lookup to its last byte.
const TIME: Duration = Duration::from_secs(5);
/// Documents fetched at the same time, at most, for anybody who asks; a flood
/// of made-up ids must not become a flood of connections.
const AT_ONCE: usize = 48;
/// As many more for clients that have something to redeem: people who have
/// only begun to sign in do not keep those waiting.
const RESERVED: usize = 16;
/// Of all of these, documents of one host: a server that never answers keeps
/// its own clients waiting and nobody else's.
const OF_ONE_HOST: usize = 4;

/// What a document is fetched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// A page: anybody can ask for one.
    Page,
    /// A request of the client itself, at `/token` or `/revoke`.
    Token,
}

/// The hosts that are being fetched from, and how often at the same time.
#[derive(Debug, Default)]
struct Hosts(Mutex<HashMap<String, Weak<Semaphore>>>);

impl Hosts {
    /// The permits of a URL's host.
    fn of(&self, url: &Url) -> Arc<Semaphore> {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(permits) = hosts.get(host).and_then(Weak::upgrade) {
            return permits;
        }
        // Whatever nobody fetches from any more is forgotten, so there are
        // never more of them than requests under way.
        hosts.retain(|_, permits| permits.strong_count() > 0);
        let permits = Arc::new(Semaphore::new(OF_ONE_HOST));
        hosts.insert(host.to_owned(), Arc::downgrade(&permits));
        permits
    }
}

/// A document and how long its server says that it is good for.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) body: Vec<u8>,
    /// Seconds; `None` when the server does not say.
    pub(super) lifetime: Option<i64>,
}

/// Fetches documents.
#[derive(Debug)]
pub(super) struct Fetcher {
    policy: AddressPolicy,
    own: BaseUrl,
    lookup: Arc<dyn NameLookup>,
    http: OnceCell<reqwest::Client>,
    hosts: Hosts,
    permits: Semaphore,
    reserved: Semaphore,
}

impl Fetcher {
    /// A fetcher that does not fetch from the server's `own` host.
    pub(super) fn new(policy: AddressPolicy, own: BaseUrl, lookup: Arc<dyn NameLookup>) -> Self {
        Self {
            policy,
            own,
            lookup,
            http: OnceCell::new(),
            hosts: Hosts::default(),
            permits: Semaphore::new(AT_ONCE),
            reserved: Semaphore::new(RESERVED),
        }
    }

    /// The same with an HTTP client that trusts a test's own CA.
    #[cfg(test)]
    pub(super) fn with_http(self, http: reqwest::Client) -> Self {
        Self {
            http: OnceCell::new_with(Some(http)),
            ..self
        }
    }

    /// Made at the first use: reading the root certificates takes longer
    /// than a start should.
    async fn http(&self) -> Result<&reqwest::Client, ClientError> {
        let make = || async {
            let options = NetworkOptions {
                connect_timeout: TIME,
                read_timeout: TIME,
                idle_connections: 0,
            };
            let resolver = CheckedResolver {
                lookup: self.lookup.clone(),
                policy: self.policy,
            };
            http_client_with_resolver(&options, Arc::new(resolver))
        };
        self.http
            .get_or_try_init(make)
            .await
            .map_err(|error| unavailable("the HTTP client could not be made", error))
    }

    /// The JSON document at `url`: 200, JSON by its content type, at most
    /// 5 KiB, within 5 seconds, no redirects.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the URL, the address behind it or the
    /// answer is not acceptable, [`ClientError::Unavailable`] when there is
    /// no answer now.
    pub(super) async fn get(&self, url: &Url, errand: Errand) -> Result<Fetched, ClientError> {
        self.check_url(url)?;
        let ending = |error| unavailable("the server is ending", error);
        let fetch = async {
            // The host's first: who waits for a slow one holds no other.
            let host = self.hosts.of(url);
            let _of_the_host = host.acquire().await.map_err(ending)?;
            let _permit = self.permit(errand).await.map_err(ending)?;
            self.fetch(url).await
        };
        tokio::time::timeout(TIME, fetch)
            .await
            .unwrap_or_else(|late| Err(unavailable("its server did not answer in 5 seconds", late)))
    }

    async fn permit(&self, errand: Errand) -> Result<SemaphorePermit<'_>, AcquireError> {
        match errand {
            Errand::Page => self.permits.acquire().await,
            Errand::Token => tokio::select! {
                permit = self.reserved.acquire() => permit,
                permit = self.permits.acquire() => permit,
            },
        }
    }

    /// Whether `url` may be fetched at all; the addresses behind a name are
    /// checked when it is resolved.
    fn check_url(&self, url: &Url) -> Result<(), ClientError> {
        let here = self.policy == AddressPolicy::LoopbackToo && crate::config::is_loopback(url);
        if url.scheme() != "https" && !(here && url.scheme() == "http") {
            return Err(ClientError::refused("its URL must begin with https://"));
        }
        if url.port().is_some() && !here {
            return Err(ClientError::refused("its URL must not name a port"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ClientError::refused("its URL must not hold credentials"));
        }
        if self.is_own(url, here) {
            return Err(ClientError::refused(
                "its URL must not be this server's own",
            ));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err(ClientError::refused("its URL must name a host")),
        };
        literal.map_or(Ok(()), |address| self.check_address(address))
    }

    /// On this machine several servers share a host, elsewhere none does.
    fn is_own(&self, url: &Url, here: bool) -> bool {
        let name = |url: &Url| {
            url.host_str()
                .map(|host| host.trim_end_matches('.').to_ascii_lowercase())
        };
        let Ok(own) = Url::parse(self.own.as_str()) else {
            return true;
        };
        name(url) == name(&own)
            && (!here || url.port_or_known_default() == own.port_or_known_default())
    }

    fn check_address(&self, address: IpAddr) -> Result<(), ClientError> {
        match self.policy.objection(address) {
            None => Ok(()),
            Some(what) => Err(refused_address(what)),
        }
    }

    async fn fetch(&self, url: &Url) -> Result<Fetched, ClientError> {
        let request = self
            .http()
            .await?
            .get(url.clone())
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        let mut response = request.send().await.map_err(failed)?;
        // The resolver and the check of the URL saw to this already.
        if let Some(peer) = response.remote_addr() {
            self.check_address(SocketAddr::ip(&peer))?;
        }
        check_status(response.status())?;
        check_content_type(response.headers())?;
        let lifetime = lifetime(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > LARGEST {
                return Err(ClientError::refused("its document is longer than 5 KiB"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { body, lifetime })
    }
}

fn unavailable(reason: &'static str, source: impl Error + Send + Sync + 'static) -> ClientError {
    ClientError::Unavailable {
        reason,
        source: Arc::new(source),
    }
}

fn refused_address(what: &str) -> ClientError {
    ClientError::refused(format!(
        "its host has no address on the public internet ({what})"
    ))
}

/// The URL goes into no error: it is somebody else's text. What a name leads
/// to goes into the log alone: nobody shall explore names of our network by
/// asking us.
fn failed(error: reqwest::Error) -> ClientError {
    match AddressRefused::behind(&error) {
        Some(refused) => {
            tracing::info!(
                address = %refused.address,
                what = refused.what,
                "the host of a client's metadata document has no address that may be connected to"
            );
            ClientError::refused("its host has no address on the public internet")
        }
        None => unavailable("its server could not be reached", error.without_url()),
    }
}

fn check_status(status: StatusCode) -> Result<(), ClientError> {
    if status == StatusCode::OK {
        return Ok(());
    }
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        let status = StatusRefused(status.as_u16());
        return Err(unavailable("its server cannot answer right now", status));
    }
    let reason = if status.is_redirection() {
        "its URL redirects, which is not followed".to_owned()
    } else {
        format!("its URL answers with status {}, not 200", status.as_u16())
    };
    Err(ClientError::refused(reason))
}

#[derive(Debug, thiserror::Error)]
#[error("status {0}")]
struct StatusRefused(u16);

/// `application/json`, or a type with the suffix `+json`.
fn check_content_type(headers: &HeaderMap) -> Result<(), ClientError> {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    match essence
        .as_deref()
        .and_then(|e| e.strip_prefix("application/"))
    {
        Some(subtype) if subtype == "json" || subtype.ends_with("+json") => Ok(()),
        _ => Err(ClientError::refused(
            "its URL does not answer with the content type application/json",
        )),
    }
}
