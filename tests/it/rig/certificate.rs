//! Certificates by a private CA.

use entrada_stand_ins::TlsIdentity;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// A private CA and a certificate by it for these names.
pub(crate) fn private_ca(names: &[&str]) -> TlsIdentity {
    let mut ca = CertificateParams::default();
    ca.distinguished_name
        .push(DnType::CommonName, "Private CA of one test");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let ca_key = KeyPair::generate().unwrap();
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let mut own = CertificateParams::new(names).unwrap();
    own.distinguished_name
        .push(DnType::CommonName, "A server of one test");
    own.use_authority_key_identifier_extension = true;
    let certificate = own.signed_by(&key, &Issuer::new(ca, ca_key)).unwrap();
    TlsIdentity {
        certificate_pem: certificate.pem(),
        key_pem: key.serialize_pem().into(),
        ca_pem,
    }
}
