//! Storage, opened and made ready.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use entrada_tables::{AzureTables, EmbeddedTables, Tables};

use super::{Ambient, StartError, TABLES};
use crate::config::{Settings, StorageSettings};
use crate::error::chain;

/// Makes the tables that are missing; tries for ever, since storage may come
/// later than we do.
pub(super) async fn make_tables(tables: &dyn Tables) {
    let mut wait = Duration::from_millis(500);
    for table in TABLES {
        while let Err(error) = tables.create_table(table).await {
            tracing::warn!(table, error = chain(&error), "a table could not be made");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(30));
        }
    }
}

/// Storage, as the settings name it.
pub(crate) fn open_tables(
    settings: &Settings,
    identity: Option<&Arc<dyn TokenCredential>>,
    ambient: &Ambient,
) -> Result<Arc<dyn Tables>, StartError> {
    open_storage(&settings.storage, identity, ambient)
}

/// The storage of these settings.
pub(crate) fn open_storage(
    storage: &StorageSettings,
    identity: Option<&Arc<dyn TokenCredential>>,
    ambient: &Ambient,
) -> Result<Arc<dyn Tables>, StartError> {
    const NAME: &str = "ENTRADA_STORAGE";
    let fault = |error: &dyn std::error::Error| StartError::new(NAME, chain(error));
    match storage {
        StorageSettings::Embedded(path) => {
            let tables =
                EmbeddedTables::open(path, ambient.clock.clone()).map_err(|error| fault(&error))?;
            Ok(Arc::new(tables))
        }
        StorageSettings::ConnectionString(text) => {
            let tables = AzureTables::from_connection_string(
                text,
                ambient.http.clone(),
                ambient.clock.clone(),
                ambient.random.clone(),
            )
            .map_err(|error| fault(&error))?;
            Ok(Arc::new(tables))
        }
        StorageSettings::TableService(url) => {
            let identity = identity.ok_or_else(|| {
                StartError::new(NAME, "needs an identity: set ENTRADA_IDENTITY_CLIENT_ID")
            })?;
            let (http, random) = (ambient.http.clone(), ambient.random.clone());
            let tables = AzureTables::with_credential(url, identity.clone(), http, random)
                .map_err(|error| fault(&error))?;
            Ok(Arc::new(tables))
        }
    }
}
