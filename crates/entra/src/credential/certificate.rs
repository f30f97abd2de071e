use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::{Clock, Random};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ParsedCertificate;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use thiserror::Error;
use url::Url;
use uuid::Uuid;

use super::{ClientCredential, assertion};
use crate::EntraError;

/// How long an assertion is good for, in seconds. Microsoft recommends five to
/// ten minutes.
const LIFETIME: i64 = 600;

/// Why a certificate cannot be a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// There is no certificate in the PEM text.
    #[error("there is no certificate in it (a PEM block CERTIFICATE)")]
    NoCertificate,
    /// There is no RSA private key in the PEM text.
    #[error("there is no unencrypted RSA private key in it (a PEM block PRIVATE KEY)")]
    NoKey,
    /// The key is another's.
    #[error("the private key is not the certificate's")]
    Mismatch,
}

/// A certificate: each request carries a fresh assertion that its key signed
/// (Microsoft Learn, "Application authentication certificate credentials"):
/// PS256, with the SHA-256 thumbprint of the certificate.
pub struct ClientCertificate {
    client_id: Uuid,
    header: String,
    key: RsaKeyPair,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientCertificate")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl ClientCertificate {
    /// The credential of the app `client_id` in `pem`, which holds the
    /// certificate and its RSA private key, in any order.
    ///
    /// # Errors
    /// When one of the two is missing, or they do not belong together.
    pub fn from_pem(
        pem: &SecretString,
        client_id: Uuid,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, CertificateError> {
        let text = pem.expose_secret().as_bytes();
        let certificate =
            CertificateDer::from_pem_slice(text).map_err(|_| CertificateError::NoCertificate)?;
        let public = ParsedCertificate::try_from(&certificate)
            .map_err(|_| CertificateError::NoCertificate)?
            .subject_public_key_info();
        let key = PrivateKeyDer::from_pem_slice(text).map_err(|_| CertificateError::NoKey)?;
        let key = match &key {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(CertificateError::NoKey),
        }
        .map_err(|_| CertificateError::NoKey)?;
        // A SubjectPublicKeyInfo ends with the key itself (RFC 8017 appendix
        // A.1.1).
        if !public.as_ref().ends_with(key.public_key().as_ref()) {
            return Err(CertificateError::Mismatch);
        }
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate));
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint});
        Ok(Self {
            client_id,
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
            key,
            clock,
            random,
        })
    }

    /// A fresh assertion for `token_endpoint` (RFC 7523 section 3).
    fn sign(&self, token_endpoint: &Url) -> Result<SecretString, EntraError> {
        let now = self.clock.unix();
        let claims = json!({
            "aud": token_endpoint.as_str(),
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": self.random.uuid_v4(),
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
        });
        let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
        let message = format!("{}.{claims}", self.header);
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PSS_SHA256,
                &SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .map_err(|_| EntraError::Protocol {
                reason: "the client assertion could not be signed",
            })?;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Ok(SecretString::from(format!("{message}.{signature}")))
    }
}

#[async_trait]
impl ClientCredential for ClientCertificate {
    async fn form_fields(
        &self,
        token_endpoint: &Url,
    ) -> Result<Vec<(&'static str, SecretString)>, EntraError> {
        self.sign(token_endpoint).map(assertion)
    }

    fn describe(&self) -> &'static str {
        "certificate"
    }
}
