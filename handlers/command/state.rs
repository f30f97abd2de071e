//! What commands need that look at a deployment's state and serve nobody: who
//! asks, and the storage.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use entrada_ambient::{Environment as _, ProcessEnvironment};
use entrada_tables::Tables;

use super::serve::Failure;
use crate::app::{self, Ambient};
use crate::config::{SecretSettings, StorageSettings};
use crate::error::chain;

/// Who asks vault and storage: the managed identity where there is one, else
/// who is signed in to the Azure CLI.
pub(super) fn identity(
    settings: &SecretSettings,
    ambient: &Ambient,
) -> Result<Arc<dyn TokenCredential>, Failure> {
    let identity = if ProcessEnvironment.get("IDENTITY_ENDPOINT").is_some() {
        let http = ambient.http.clone();
        entrada_managed_identity::managed_identity(settings.identity_client_id, http)
    } else {
        entrada_managed_identity::developer()
    };
    identity.map_err(|error| Failure::other(chain(&error)))
}

/// The storage that the environment names. A file that is not there is not
/// made.
pub(super) fn storage(
    identity: &Arc<dyn TokenCredential>,
    ambient: &Ambient,
) -> Result<Arc<dyn Tables>, Failure> {
    let storage = StorageSettings::load(&ProcessEnvironment).map_err(Failure::other)?;
    let storage = storage.ok_or_else(|| {
        Failure::other(
            "ENTRADA_STORAGE is not set: the address of the table service, read by whoever runs \
             this with the role Storage Table Data Reader",
        )
    })?;
    if let StorageSettings::Embedded(path) = &storage
        && !path.exists()
    {
        let path = path.display();
        return Err(Failure::other(format!(
            "ENTRADA_STORAGE: there is no {path}"
        )));
    }
    app::open_storage(&storage, Some(identity), ambient).map_err(Failure::other)
}
