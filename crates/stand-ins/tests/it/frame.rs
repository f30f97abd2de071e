use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::{Clock as _, SystemClock, SystemRandom};
use entrada_stand_ins::{StandInError, StandInOptions, TlsIdentity, start};
use rcgen::{CertificateParams, KeyPair};
use reqwest::StatusCode;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::harness::Entra;

fn options() -> StandInOptions {
    StandInOptions::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom))
}

/// The JSON document at `path` of the https port, trusting `ca_pem` alone.
async fn over_tls(port: u16, ca_pem: &str, path: &str) -> std::io::Result<Value> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    // The peer closes without ceremony once it has answered.
    let read = stream.read_to_string(&mut answer).await;
    let (_, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| read.unwrap_err())?;
    Ok(serde_json::from_str(body).unwrap())
}

const DOCUMENT: &str = "/organizations/v2.0/.well-known/openid-configuration";

#[tokio::test]
async fn https_clients_get_https_endpoints_and_the_same_issuer() {
    let entra = Entra::start().await;
    let https = entra.stand_ins.https_url();
    let port = https.port().unwrap();
    let encrypted = over_tls(port, entra.stand_ins.ca_pem(), DOCUMENT)
        .await
        .unwrap();
    let plain = entra.get(DOCUMENT).await.json();
    assert_eq!(encrypted["issuer"], plain["issuer"]);
    let expected = format!("{https}organizations/oauth2/v2.0/token");
    assert_eq!(encrypted["token_endpoint"], json!(expected));
    assert_ne!(encrypted["token_endpoint"], plain["token_endpoint"]);
}

#[tokio::test]
async fn nobody_else_s_certificate_is_trusted() {
    let entra = Entra::start().await;
    let other = Entra::start().await;
    let port = entra.stand_ins.https_url().port().unwrap();
    assert!(
        over_tls(port, other.stand_ins.ca_pem(), DOCUMENT)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_certificate_can_be_brought_along() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let stand_ins = start(StandInOptions {
        tls: Some(TlsIdentity {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem().into(),
            ca_pem: certificate.pem(),
        }),
        ..options()
    })
    .await
    .unwrap();
    let port = stand_ins.https_url().port().unwrap();
    assert!(over_tls(port, &certificate.pem(), DOCUMENT).await.is_ok());
}

#[tokio::test]
async fn the_public_url_is_the_base_of_every_issuer() {
    let entra = Entra::start_with(|options| {
        options.public_url = Some("https://localhost:0/entra/".parse().unwrap());
    })
    .await;
    let port = entra.stand_ins.https_url().port().unwrap();
    let document = entra.get(DOCUMENT).await.json();
    assert_eq!(
        document["issuer"],
        json!(format!("https://localhost:{port}/entra/{{tenantid}}/v2.0"))
    );
}

#[tokio::test]
async fn a_taken_port_and_senseless_options_stop_the_start() {
    let running = start(options()).await.unwrap();
    let port = running.url().port().unwrap();
    let taken = start(StandInOptions { port, ..options() }).await;
    assert!(matches!(taken, Err(StandInError::Port { port: p, .. }) if p == port));
    for nobody in ["nobody", "daemon"] {
        let auto_sign_in = Some(nobody.to_owned());
        let refused = start(StandInOptions {
            auto_sign_in,
            ..options()
        })
        .await;
        assert!(matches!(refused, Err(StandInError::UnknownPersona(_))));
    }
    let public_url = Some("https://entra.example/?x".parse().unwrap());
    let refused = start(StandInOptions {
        public_url,
        ..options()
    })
    .await;
    assert!(matches!(refused, Err(StandInError::PublicUrl(_))));
    let refused = start(StandInOptions {
        port: 65535,
        ..options()
    })
    .await;
    assert!(matches!(
        refused,
        Err(StandInError::NoPortLeft(65535) | StandInError::Port { .. })
    ));
}

#[tokio::test]
async fn the_next_port_is_https_and_both_loopback_addresses_answer() {
    let entra = Entra::start().await;
    let port = entra.stand_ins.url().port().unwrap();
    let v4 = entra.http.get(format!("http://127.0.0.1:{port}{DOCUMENT}"));
    assert_eq!(entra.send(v4).await.status, StatusCode::OK);
    if TcpStream::connect(("::1", port)).await.is_ok() {
        let v6 = entra.http.get(format!("http://[::1]:{port}{DOCUMENT}"));
        assert_eq!(entra.send(v6).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn stopping_frees_the_ports_after_the_last_answer() {
    let entra = Entra::start().await;
    let port = entra.stand_ins.url().port().unwrap();
    entra
        .control("faults", json!({"route": "/keys", "delay_ms": 150}))
        .await;
    let url = entra.url("common/discovery/v2.0/keys");
    let (http, slow_url) = (entra.http.clone(), url.clone());
    let slow = tokio::spawn(async move { http.get(slow_url).send().await });
    while entra.get("stand-in/requests?path=/keys").await.json() == json!([]) {
        tokio::task::yield_now().await;
    }
    let clock = SystemClock::new();
    entra.stand_ins.stopped().await;
    // Answers that take longer than three seconds are cut off.
    let was_late = clock.monotonic() >= Duration::from_secs(3);
    match slow.await.unwrap() {
        Ok(answer) => assert_eq!(answer.status(), StatusCode::OK),
        Err(error) => assert!(was_late, "{error}"),
    }
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn dropping_stops_too() {
    let running = start(options()).await.unwrap();
    let port = running.url().port().unwrap();
    drop(running);
    for _ in 0..1000 {
        if TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the port is still served");
}
