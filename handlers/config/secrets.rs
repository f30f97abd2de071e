//! Where secrets come from.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use super::reader::Reader;

/// Where secrets come from. What is set here itself goes before Key Vault.
#[derive(Debug, Clone, Default)]
pub struct SecretSettings {
    /// The key vault, which holds the key ring and perhaps a client secret.
    pub key_vault_url: Option<Url>,
    /// The user-assigned managed identity, by its client id: for Key Vault,
    /// storage and, as a federated credential, for Entra.
    pub identity_client_id: Option<Uuid>,
    /// The key ring as JSON, for local use.
    pub key_ring: Option<SecretString>,
    /// The client secret, for local use.
    pub client_secret: Option<SecretString>,
    /// A PEM file with the app's certificate and its private key.
    pub client_certificate: Option<PathBuf>,
}

const VAULT: &str = "ENTRADA_KEY_VAULT_URL";
const RING: &str = "ENTRADA_KEY_RING";
const SECRET: &str = "ENTRADA_CLIENT_SECRET";
const CERTIFICATE: &str = "ENTRADA_CLIENT_CERTIFICATE";

/// What every command needs to know.
pub(super) fn read(reader: &mut Reader<'_>) -> SecretSettings {
    let settings = SecretSettings {
        key_vault_url: vault(reader),
        identity_client_id: reader.optional(
            "ENTRADA_IDENTITY_CLIENT_ID",
            "the client id (a GUID) of a managed identity",
        ),
        key_ring: reader.secret(RING),
        client_secret: reader.secret(SECRET),
        client_certificate: reader.text(CERTIFICATE).map(PathBuf::from),
    };
    if settings.client_secret.is_some() && settings.client_certificate.is_some() {
        reader.faults.note(
            CERTIFICATE,
            format!("and {SECRET} are both set: which is meant cannot be known"),
        );
    }
    settings
}

/// What the server cannot do without.
pub(super) fn check(reader: &mut Reader<'_>, settings: &SecretSettings) {
    let vault = reader.text(VAULT).is_some();
    if settings.key_ring.is_none() && !vault {
        reader.faults.note(
            VAULT,
            format!("is not set, and neither is {RING}: one of them gives the key ring"),
        );
    }
    let configured = settings.client_secret.is_some()
        || settings.client_certificate.is_some()
        || reader.text("ENTRADA_IDENTITY_CLIENT_ID").is_some();
    if !configured && !vault {
        reader.faults.note(
            SECRET,
            format!(
                "is not set, and neither is ENTRADA_IDENTITY_CLIENT_ID (a managed identity), \
                 {CERTIFICATE} or {VAULT}: one of them gives the application's credential"
            ),
        );
    }
}

fn vault(reader: &mut Reader<'_>) -> Option<Url> {
    let url: Url = reader.address(VAULT)?;
    if url.scheme() == "https" && url.path() == "/" && url.query().is_none() {
        return Some(url);
    }
    reader.faults.note(
        VAULT,
        "must be https:// and the vault's host, without a path",
    );
    None
}
