//! What storage says about retired encryption keys: whether it holds anything
//! under them.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;

use crate::app::Ambient;
use crate::command::state::storage;
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
    let tables = storage(identity, ambient).map_err(|failure| failure.to_string())?;
    ops::stored_values(tables.as_ref())
        .await
        .map_err(|error| format!("ENTRADA_STORAGE: {}", chain(&error)))
}
