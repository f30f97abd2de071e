use std::collections::BTreeMap;
use std::sync::Mutex;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use jsonwebtoken::DecodingKey;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::ParsedCertificate;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::directory;
use crate::encoding::{base64url, lock, pem, sha256};

/// A certificate to be registered as an application's credential, the body of
/// `POST /stand-in/certificates`. Forgotten when the process ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateRegistration {
    /// The application; by default the registered one.
    #[serde(default = "registered_application")]
    pub client_id: Uuid,
    /// The certificate, PEM, with an RSA key.
    pub certificate_pem: String,
}

const fn registered_application() -> Uuid {
    directory::CLIENT_ID
}

/// A certificate cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CertificateFault {
    /// The directory has no such application.
    #[error("there is no application with this client id")]
    UnknownApplication,
    /// Not a PEM certificate with an RSA key.
    #[error("this is not a PEM certificate with an RSA key")]
    Unreadable,
}

/// The registered certificates' public keys, by application and thumbprint
/// (both the SHA-1 `x5t` and the SHA-256 `x5t#S256`).
#[derive(Default)]
pub(crate) struct Certificates {
    keys: Mutex<BTreeMap<(Uuid, String), DecodingKey>>,
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Certificates")
            .finish_non_exhaustive()
    }
}

impl Certificates {
    /// Registers a certificate; returns its SHA-256 thumbprint, base64url.
    pub(crate) fn register(
        &self,
        registration: &CertificateRegistration,
    ) -> Result<String, CertificateFault> {
        directory::application(registration.client_id)
            .ok_or(CertificateFault::UnknownApplication)?;
        let certificate = CertificateDer::from_pem_slice(registration.certificate_pem.as_bytes())
            .map_err(|_| CertificateFault::Unreadable)?;
        let public_key = ParsedCertificate::try_from(&certificate)
            .map_err(|_| CertificateFault::Unreadable)?
            .subject_public_key_info();
        let key = DecodingKey::from_rsa_pem(pem("PUBLIC KEY", public_key.as_ref()).as_bytes())
            .map_err(|_| CertificateFault::Unreadable)?;
        let sha1 = base64url(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate).as_ref());
        let thumbprint = base64url(&sha256(&certificate));
        let mut keys = lock(&self.keys);
        keys.insert((registration.client_id, sha1), key.clone());
        keys.insert((registration.client_id, thumbprint.clone()), key);
        Ok(thumbprint)
    }

    /// The key of the application's certificate with this thumbprint. MSAL for
    /// Python pads the base64url, and Entra does not mind.
    pub(crate) fn key(&self, client_id: Uuid, thumbprint: &str) -> Option<DecodingKey> {
        lock(&self.keys)
            .get(&(client_id, thumbprint.trim_end_matches('=').to_owned()))
            .cloned()
    }
}
