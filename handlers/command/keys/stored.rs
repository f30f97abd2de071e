//! What storage says about retired encryption keys: whether it holds anything
//! under them.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use entrada_ambient::ProcessEnvironment;

use crate::app::{self, Ambient};
use crate::config::StorageSettings;
use crate::error::chain;
use crate::identity::StoredValues;
use crate::ops;

/// What storage says, or why it says nothing. Without it every key stays.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) values: StoredValues,
    pub(super) trouble: Option<String>,
}

impl Asked {
    /// Asks the storage that the environment names.
    pub(super) async fn storage(identity: &Arc<dyn TokenCredential>, ambient: &Ambient) -> Self {
        match ask(identity, ambient).await {
            Ok(values) => Self {
                values,
                trouble: None,
            },
            Err(trouble) => Self {
                values: StoredValues::Unknown,
                trouble: Some(trouble),
            },
        }
    }
}

async fn ask(
    identity: &Arc<dyn TokenCredential>,
    ambient: &Ambient,
) -> Result<StoredValues, String> {
    let storage =
        StorageSettings::load(&ProcessEnvironment).map_err(|faults| faults.to_string())?;
    let storage = storage.ok_or(
        "ENTRADA_STORAGE is not set: the address of the table service, read by whoever runs this \
         with the role Storage Table Data Reader",
    )?;
    if let StorageSettings::Embedded(path) = &storage
        && !path.exists()
    {
        return Err(format!("ENTRADA_STORAGE: there is no {}", path.display()));
    }
    let tables = app::open_storage(&storage, Some(identity), ambient);
    let tables = tables.map_err(|error| error.to_string())?;
    ops::stored_values(tables.as_ref())
        .await
        .map_err(|error| format!("ENTRADA_STORAGE: {}", chain(&error)))
}
