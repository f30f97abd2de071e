//! Keys and credentials, from where the settings say.

use std::path::Path;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use entrada_entra::{
    ClientCertificate, ClientCredential, ClientSecret, EntraClient, FederatedIdentity,
};
use entrada_vault::Vault;
use secrecy::SecretString;
use thiserror::Error;
use uuid::Uuid;

use super::error::Faults;
use super::{Ambient, StartError};
use crate::config::{SecretSettings, Settings, StorageSettings};
use crate::error::chain;
use crate::identity::{KeyRing, KeyRings, KeysMissing, RingSource as _};
use crate::secrets::{Keeping, VaultClientSecret, VaultRing};

const RING: &str = "ENTRADA_KEY_RING";
const CERTIFICATE: &str = "ENTRADA_CLIENT_CERTIFICATE";

/// Keys and credentials of the process.
pub(super) struct Secrets {
    pub(super) rings: Arc<KeyRings>,
    pub(super) credential: Arc<dyn ClientCredential>,
    /// The client secret of the vault, when it may be there.
    pub(super) vault_secret: Option<Arc<VaultClientSecret>>,
    pub(super) has_vault: bool,
}

impl Secrets {
    /// What keeps them up to date.
    pub(super) fn keeping(self, settings: &Settings, client: Arc<EntraClient>) -> Keeping {
        Keeping {
            rings: self.rings,
            vault_secret: self.vault_secret,
            client,
            try_credential: settings.secrets.client_secret.is_none(),
        }
    }
}

/// Who the process is in Azure, when it needs to be anybody: the managed
/// identity that is named, or Azure's own; elsewhere, who is signed in to the
/// Azure CLI.
pub(crate) fn identity(
    settings: &Settings,
    ambient: &Ambient,
) -> Result<Option<Arc<dyn TokenCredential>>, StartError> {
    const NAME: &str = "ENTRADA_IDENTITY_CLIENT_ID";
    let secrets = &settings.secrets;
    let fault = |error: azure_core::Error| StartError::new(NAME, chain(&error));
    if settings.has_managed_identity() {
        let http = ambient.http.clone();
        return entrada_managed_identity::managed_identity(secrets.identity_client_id, http)
            .map(Some)
            .map_err(fault);
    }
    let needed = secrets.key_vault_url.is_some()
        || matches!(settings.storage, StorageSettings::TableService(_));
    needed
        .then(entrada_managed_identity::developer)
        .transpose()
        .map_err(fault)
}

/// The key vault of these settings, by tokens of `identity`.
pub(crate) fn vault(
    settings: &SecretSettings,
    identity: Option<&Arc<dyn TokenCredential>>,
    ambient: &Ambient,
) -> Result<Option<Arc<Vault>>, StartError> {
    let (Some(url), Some(identity)) = (&settings.key_vault_url, identity) else {
        return Ok(None);
    };
    Vault::new(url, identity.clone(), ambient.http.clone())
        .map(|vault| Some(Arc::new(vault)))
        .map_err(|error| StartError::new("ENTRADA_KEY_VAULT_URL", chain(&error)))
}

/// The key ring among the settings, if there is one there.
pub(super) fn own_ring(settings: &SecretSettings) -> Result<Option<KeyRing>, StartError> {
    settings
        .key_ring
        .as_ref()
        .map(KeyRing::parse)
        .transpose()
        .map_err(|error| StartError::new(RING, chain(&error)))
}

fn rings_of(vault: Option<&Arc<Vault>>) -> KeyRings {
    match vault {
        Some(vault) => KeyRings::from_source(Arc::new(VaultRing::new(vault.clone()))),
        None => KeyRings::new(None),
    }
}

pub(super) fn secrets(
    settings: &Settings,
    identity: Option<&Arc<dyn TokenCredential>>,
    ambient: &Ambient,
    faults: &mut Faults,
) -> Option<Secrets> {
    let vault = faults.keep(vault(&settings.secrets, identity, ambient));
    let own_ring = faults.keep(own_ring(&settings.secrets));
    let own_credential = faults.keep(own_credential(settings, ambient));
    let vault = vault?;
    let has_vault = vault.is_some();
    let rings = match own_ring? {
        Some(ring) => KeyRings::new(Some(ring)),
        None => rings_of(vault.as_ref()),
    };
    let credentials = credentials(settings, identity, vault, own_credential?);
    let (credential, vault_secret) = faults.keep(credentials)?;
    Some(Secrets {
        rings: Arc::new(rings),
        credential,
        vault_secret,
        has_vault,
    })
}

/// The application's credential, and the part of it that the vault holds.
type Credentials = (Arc<dyn ClientCredential>, Option<Arc<VaultClientSecret>>);

/// What proves who we are, by what is configured.
fn credentials(
    settings: &Settings,
    identity: Option<&Arc<dyn TokenCredential>>,
    vault: Option<Arc<Vault>>,
    own: Option<Arc<dyn ClientCredential>>,
) -> Result<Credentials, StartError> {
    let federated = settings.secrets.identity_client_id.and(identity).map(
        |identity| -> Arc<dyn ClientCredential> {
            Arc::new(FederatedIdentity::new(identity.clone()))
        },
    );
    let credentials = match (own, vault) {
        (Some(own), _) => (own, None),
        (None, Some(vault)) => {
            let secret = Arc::new(VaultClientSecret::new(vault, federated));
            (secret.clone() as Arc<dyn ClientCredential>, Some(secret))
        }
        (None, None) => (federated.ok_or_else(no_credential)?, None),
    };
    Ok(credentials)
}

fn no_credential() -> StartError {
    StartError::new(
        "ENTRADA_CLIENT_SECRET",
        "is not set, and nothing takes its place",
    )
}

/// The credential among the settings, if there is one there.
fn own_credential(
    settings: &Settings,
    ambient: &Ambient,
) -> Result<Option<Arc<dyn ClientCredential>>, StartError> {
    if let Some(secret) = &settings.secrets.client_secret {
        return Ok(Some(Arc::new(ClientSecret::new(secret.clone()))));
    }
    match &settings.secrets.client_certificate {
        Some(path) => client_certificate(path, settings.entra.client_id, ambient).map(Some),
        None => Ok(None),
    }
}

/// The certificate in a PEM file, and its key, as the credential of this
/// application.
fn client_certificate(
    path: &Path,
    client_id: Uuid,
    ambient: &Ambient,
) -> Result<Arc<dyn ClientCredential>, StartError> {
    let fault = |what: String| {
        let what = format!("{}: {what}", path.display());
        StartError::new(CERTIFICATE, what)
    };
    let pem = std::fs::read_to_string(path)
        .map(SecretString::from)
        .map_err(|error| fault(error.to_string()))?;
    let certificate = ClientCertificate::from_pem(
        &pem,
        client_id,
        ambient.clock.clone(),
        ambient.random.clone(),
    )
    .map_err(|error| fault(error.to_string()))?;
    Ok(Arc::new(certificate))
}

/// Why a command has no key ring.
#[derive(Debug, Error)]
pub(crate) enum NoRing {
    /// A setting is at fault.
    #[error(transparent)]
    Setting(#[from] StartError),
    /// The vault gives none.
    #[error("ENTRADA_KEY_VAULT_URL: {}", .0.detail())]
    Vault(KeysMissing),
}

/// The key ring as it stands now, among the settings or in the vault, for
/// commands that run once. It takes no other secret.
pub(crate) async fn load_key_ring(
    settings: &SecretSettings,
    identity: Option<&Arc<dyn TokenCredential>>,
    ambient: &Ambient,
) -> Result<Arc<KeyRing>, NoRing> {
    if let Some(ring) = own_ring(settings)? {
        return Ok(Arc::new(ring));
    }
    let vault = vault(settings, identity, ambient)?.ok_or_else(|| {
        let what = "is not set, and neither is ENTRADA_KEY_RING: one of them gives the key ring";
        StartError::new("ENTRADA_KEY_VAULT_URL", what)
    })?;
    let ring = VaultRing::new(vault).load().await;
    ring.map(Arc::new).map_err(NoRing::Vault)
}

/// The application's credential as it stands now, for commands that run once.
pub(crate) async fn credential(
    settings: &Settings,
    ambient: &Ambient,
) -> Result<Arc<dyn ClientCredential>, StartError> {
    let identity = identity(settings, ambient)?;
    let vault = vault(&settings.secrets, identity.as_ref(), ambient)?;
    let own = own_credential(settings, ambient)?;
    let (credential, vault_secret) = credentials(settings, identity.as_ref(), vault, own)?;
    if let Some(vault_secret) = vault_secret {
        vault_secret
            .refresh()
            .await
            .map_err(|error| StartError::new("ENTRADA_KEY_VAULT_URL", chain(&error)))?;
    }
    Ok(credential)
}
