use std::sync::Arc;

use entrada_ambient::{Clock, SystemClock};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use time::Duration;

use crate::store::{Store, StoreError};

const CA_FILE: &str = "ca.pem";
const CA_KEY_FILE: &str = "ca-key.pem";

/// A certificate for the https port, instead of one by a private CA made here.
#[derive(Clone)]
pub struct TlsIdentity {
    /// Certificate chain, PEM, the server's own first.
    pub certificate_pem: String,
    /// Private key, PEM.
    pub key_pem: SecretString,
    /// Certificate of the CA that clients must trust, PEM.
    pub ca_pem: String,
}

impl std::fmt::Debug for TlsIdentity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TlsIdentity")
            .finish_non_exhaustive()
    }
}

/// The https port cannot have its certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate could not be made.
    #[error("a certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    /// A certificate or key is not readable PEM.
    #[error("a certificate or key is not readable PEM")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// TLS does not take the certificate and key.
    #[error("the certificate and key cannot be used for TLS")]
    Tls(#[from] rustls::Error),
    /// The data directory failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A certificate for `localhost`, the loopback addresses and `host`, by the
/// private CA whose certificate and key the store keeps (made when there are
/// none).
pub(crate) fn private_identity(store: &Store, host: Option<&str>) -> Result<TlsIdentity, TlsError> {
    let kept = (store.read(CA_FILE)?, store.read(CA_KEY_FILE)?);
    let (ca_pem, ca_key) = if let (Some(certificate), Some(key)) = kept {
        (certificate, KeyPair::from_pem(&key)?)
    } else {
        let key = KeyPair::generate()?;
        let certificate = ca_parameters().self_signed(&key)?.pem();
        store.write(CA_KEY_FILE, &key.serialize_pem())?;
        store.write(CA_FILE, &certificate)?;
        (certificate, key)
    };
    let issuer = Issuer::new(ca_parameters(), ca_key);
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    names.extend(host.map(str::to_owned).filter(|host| !names.contains(host)));
    let mut parameters = CertificateParams::new(names)?;
    parameters
        .distinguished_name
        .push(DnType::CommonName, "Entrada stand-ins");
    let (not_before, not_after) = validity(90);
    parameters.not_before = not_before;
    parameters.not_after = not_after;
    parameters.use_authority_key_identifier_extension = true;
    parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = parameters.signed_by(&key, &issuer)?;
    Ok(TlsIdentity {
        certificate_pem: certificate.pem(),
        key_pem: key.serialize_pem().into(),
        ca_pem,
    })
}

fn ca_parameters() -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters
        .distinguished_name
        .push(DnType::CommonName, "Entrada stand-ins, private CA");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let (not_before, not_after) = validity(3650);
    parameters.not_before = not_before;
    parameters.not_after = not_after;
    parameters
}

/// From yesterday for so many days. By the machine's clock whatever clock
/// the stand-ins run on, since the peers' TLS libraries know no other.
fn validity(days: i64) -> (time::OffsetDateTime, time::OffsetDateTime) {
    let now = SystemClock::new().now();
    (now - Duration::days(1), now + Duration::days(days))
}

/// The TLS settings of a server with this identity: TLS 1.2 and 1.3, HTTP/1.1.
pub(crate) fn server_config(identity: &TlsIdentity) -> Result<ServerConfig, TlsError> {
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.expose_secret().as_bytes())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_private_ca_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(Some(directory.path().to_owned())).unwrap();
        let first = private_identity(&store, None).unwrap();
        let second = private_identity(&store, Some("stand-ins.example")).unwrap();
        assert_eq!(first.ca_pem, second.ca_pem);
        assert_ne!(first.certificate_pem, second.certificate_pem);
        assert!(server_config(&second).is_ok());
        let kept = std::fs::read_to_string(directory.path().join("ca.pem")).unwrap();
        assert_eq!(kept, first.ca_pem);
    }

    #[test]
    fn a_key_that_does_not_fit_is_refused() {
        let store = Store::default();
        let mut identity = private_identity(&store, None).unwrap();
        identity.key_pem = private_identity(&store, None).unwrap().key_pem;
        assert!(matches!(server_config(&identity), Err(TlsError::Tls(_))));
    }
}
