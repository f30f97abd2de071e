//! Fetching over TLS, by names that lead where the test wants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::serve::Listener;
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::super::documents::Documents;
use super::super::fetch::{Errand, Fetcher};
use super::super::resolver::CheckedResolver;
use super::super::{AddressPolicy, ClientError, NameLookup, RedirectRules};
use super::server::{Answer, Server};
use super::world;
use crate::config::BaseUrl;

const ID: &str = "https://client.example/oauth/metadata.json";

/// Says for every name what it is told to, and counts.
#[derive(Debug, Default)]
struct Told {
    addresses: Vec<SocketAddr>,
    asked: AtomicUsize,
}

#[async_trait]
impl NameLookup for Told {
    async fn look_up(&self, _: &str) -> std::io::Result<Vec<SocketAddr>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.addresses.clone())
    }
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

struct TlsField {
    server: Server,
    certificate: String,
}

impl TlsField {
    async fn new() -> Self {
        let (server, listener) = Server::start().await;
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec!["client.example".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let listener = TlsListener {
            listener,
            acceptor: TlsAcceptor::from(Arc::new(tls(&certificate, &key))),
        };
        let router = server.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        server.say(Answer::json(&json!({
            "client_id": ID,
            "redirect_uris": ["https://client.example/callback"],
        })));
        Self {
            server,
            certificate: certificate.pem(),
        }
    }

    fn documents(&self, policy: AddressPolicy, lookup: &Arc<Told>) -> Documents {
        let resolver = CheckedResolver {
            lookup: lookup.clone(),
            policy,
        };
        let own = BaseUrl::parse("https://entrada.example").unwrap();
        let fetcher = Fetcher::new(policy, own, lookup.clone())
            .with_http(client(&self.certificate, resolver));
        Documents::new(fetcher, RedirectRules::new([]), world::clock())
    }

    fn told(&self, addresses: &[&str]) -> Arc<Told> {
        Arc::new(Told {
            addresses: addresses
                .iter()
                .map(|address| SocketAddr::new(address.parse().unwrap(), self.server.port))
                .collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

fn tls(certificate: &rcgen::Certificate, key: &KeyPair) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the client must trust this test's certificate alone"
)]
fn client(certificate: &str, resolver: CheckedResolver) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .tls_certs_only([certificate])
        .dns_resolver(Arc::new(resolver))
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_document_is_fetched_over_tls_from_an_address_that_was_checked() {
    let field = TlsField::new().await;
    let told = field.told(&["10.0.0.1", "169.254.169.254", "127.0.0.1", "168.63.129.16"]);
    let documents = field.documents(AddressPolicy::LoopbackToo, &told);
    let client = documents.find(ID, Errand::Page).await.unwrap();
    assert_eq!(client.redirect_uris, ["https://client.example/callback"]);
    // One look-up for the check and the connection together: nothing can
    // change in between.
    assert_eq!(told.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_before_anything_is_sent() {
    let field = TlsField::new().await;
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fd00::1",
        "fe80::1",
    ] {
        let told = field.told(&[address]);
        let documents = field.documents(AddressPolicy::PublicOnly, &told);
        let ClientError::Refused { reason } = documents.find(ID, Errand::Page).await.unwrap_err()
        else {
            panic!("{address} was not refused");
        };
        // Where a name leads is not told to whoever asks.
        assert_eq!(reason, "its host has no address on the public internet");
        assert_eq!(told.asked.load(Ordering::SeqCst), 1, "{address}");
    }
    assert_eq!(field.server.hits(), 0);
}

#[tokio::test]
async fn a_certificate_of_another_name_ends_it() {
    let field = TlsField::new().await;
    let told = field.told(&["127.0.0.1"]);
    let documents = field.documents(AddressPolicy::LoopbackToo, &told);
    let found = documents
        .find("https://other.example/client.json", Errand::Page)
        .await;
    assert!(
        matches!(found, Err(ClientError::Unavailable { .. })),
        "{found:?}"
    );
    assert_eq!(field.server.hits(), 0);
}

#[tokio::test]
async fn a_name_without_addresses_may_get_some_later() {
    let field = TlsField::new().await;
    let documents = field.documents(AddressPolicy::PublicOnly, &field.told(&[]));
    let found = documents.find(ID, Errand::Page).await;
    assert!(
        matches!(found, Err(ClientError::Unavailable { .. })),
        "{found:?}"
    );
}
