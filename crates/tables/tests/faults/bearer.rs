//! Tokens instead of a key, over https alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use entrada_ambient::SystemRandom;
use entrada_tables::{AzureTables, ConnectionError, Row, TableError, Tables};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use time::macros::datetime;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::fake::{Entrance, Fake, TABLE};

/// Hands out a fixed token, or fails.
#[derive(Debug, Default)]
struct Credential {
    token: Option<&'static str>,
    asked: AtomicU32,
}

#[async_trait]
impl TokenCredential for Credential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://storage.azure.com/.default"]);
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.token {
            Some(token) => Ok(AccessToken::new(token, datetime!(2999-01-01 0:00 UTC))),
            None => Err(Error::with_message(
                ErrorKind::Credential,
                "the identity endpoint says no",
            )),
        }
    }
}

fn credential(token: Option<&'static str>) -> Arc<Credential> {
    Arc::new(Credential {
        token,
        ..Credential::default()
    })
}

/// A client that trusts the certificate of the fake alone.
#[expect(
    clippy::disallowed_methods,
    reason = "the usual client trusts no test certificate"
)]
fn client(certificate: &[u8]) -> reqwest::Client {
    let certificate = reqwest::Certificate::from_der(certificate).unwrap();
    let builder = reqwest::Client::builder().tls_certs_only([certificate]);
    builder.build().unwrap()
}

/// The fake behind https, admitting one token.
async fn start(token: &'static str) -> (Url, reqwest::Client) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let fake = Fake::new(Entrance::Bearer(token));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}/",
        listener.local_addr().unwrap().port()
    );
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                fake.serve(stream).await;
            }
        }
    });
    (Url::parse(&url).unwrap(), client(cert.der()))
}

#[tokio::test]
async fn a_token_for_storage_opens_the_service_and_is_kept() {
    let (url, http) = start("good").await;
    let credential = credential(Some("good"));
    let random = Arc::new(SystemRandom);
    let tables = AzureTables::with_credential(&url, credential.clone(), http, random).unwrap();
    let etag = tables
        .insert(TABLE, &Row::new("p", "r").with("a", 1))
        .await
        .unwrap();
    let found = tables.get(TABLE, "p", "r").await.unwrap().unwrap();
    assert_eq!(found.etag, Some(etag));
    assert_eq!(credential.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_is_forbidden() {
    let (url, http) = start("good").await;
    let random = Arc::new(SystemRandom);
    let tables = AzureTables::with_credential(&url, credential(Some("bad")), http, random).unwrap();
    let error = tables.get(TABLE, "p", "r").await.unwrap_err();
    assert!(matches!(error, TableError::Forbidden { .. }), "{error}");
}

#[tokio::test]
async fn no_token_is_an_outage() {
    let (url, http) = start("good").await;
    let random = Arc::new(SystemRandom);
    let tables = AzureTables::with_credential(&url, credential(None), http, random).unwrap();
    let error = tables.get(TABLE, "p", "r").await.unwrap_err();
    assert!(matches!(error, TableError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("no token could be had"));
}

#[tokio::test]
async fn a_token_is_not_sent_over_an_open_connection() {
    let (_, http) = start("good").await;
    let url = Url::parse("http://localhost:1").unwrap();
    let random = Arc::new(SystemRandom);
    let result = AzureTables::with_credential(&url, credential(Some("good")), http, random);
    assert_eq!(result.unwrap_err(), ConnectionError::NotHttps);
}
