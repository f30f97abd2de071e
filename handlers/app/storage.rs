//! Storage, opened and made ready.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use entrada_tables::{AzureTables, EmbeddedTables, TableError, Tables};
use futures::StreamExt as _;

use super::{Ambient, StartError, TABLES};
use crate::config::{Settings, StorageSettings};
use crate::error::chain;
use crate::identity::{self, Revocations};

/// Tables that are made at the same moment.
const TOGETHER: usize = 4;
/// The table that is made when all others are there.
const LAST: &str = identity::REVOCATIONS_TABLE;
/// Longest wait before a table is tried again: as long as it takes to find out
/// that storage is back.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Makes the tables that are missing, and keeps the revocation list up to date
/// for as long as the process.
///
/// The list comes first, since everybody who signed in waits for it. Storage
/// that has no table for it is new: then the tables are made before anybody is
/// let in, who would find none.
pub(super) async fn keep_ready(tables: Arc<dyn Tables>, revocations: Arc<Revocations>) {
    let mut loaded = revocations.load().await;
    if let Err(TableError::NoSuchTable { .. }) = loaded {
        make_tables(tables.as_ref(), &revocations).await;
        loaded = revocations.load().await;
        revocations.settle();
    } else {
        revocations.settle();
        let waiting = revocations.clone();
        tokio::spawn(async move { make_tables(tables.as_ref(), &waiting).await });
    }
    revocations.keep_loading(loaded).await;
}

/// Makes the tables that are missing, that of the revocation list last: while
/// it is not there nobody is let in, so whoever is finds every other.
async fn make_tables(tables: &dyn Tables, waiting: &Revocations) {
    let others = TABLES.into_iter().filter(|table| *table != LAST);
    futures::stream::iter(others)
        .for_each_concurrent(TOGETHER, |table| make_table(tables, table, waiting))
        .await;
    make_table(tables, LAST, waiting).await;
}

/// Tries for ever, since storage may come later than we do. Nobody waits longer
/// than for the first try.
async fn make_table(tables: &dyn Tables, table: &str, waiting: &Revocations) {
    let mut wait = Duration::from_millis(500);
    while let Err(error) = tables.create_table(table).await {
        tracing::warn!(table, error = chain(&error), "a table could not be made");
        waiting.settle();
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
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

#[cfg(test)]
mod tests {
    use entrada_ambient::SystemClock;
    use entrada_tables::Query;

    use super::*;
    use crate::downstream::testing::CountedTables;

    /// Storage without a table, and a server's list of it.
    fn new_storage() -> (Arc<CountedTables>, Arc<Revocations>) {
        let clock = Arc::new(SystemClock::new());
        let tables = EmbeddedTables::in_memory(clock.clone()).unwrap();
        let tables = Arc::new(CountedTables::new(tables));
        let revocations = Arc::new(Revocations::new(tables.clone(), clock));
        (tables, revocations)
    }

    #[tokio::test]
    async fn in_new_storage_all_tables_are_made_before_anybody_is_let_in() {
        let (tables, revocations) = new_storage();
        let keeping = tokio::spawn(keep_ready(tables.clone(), revocations.clone()));
        revocations.settled().await;
        assert!(revocations.is_fresh());
        for table in TABLES {
            let rows = tables.query(table, &Query::partition("any")).await;
            assert_eq!(rows.unwrap().rows, [], "{table}");
        }
        keeping.abort();
    }

    #[tokio::test]
    async fn while_a_table_cannot_be_made_nobody_is_let_in() {
        let (tables, revocations) = new_storage();
        tables.lose(crate::chat::TABLE);
        let keeping = tokio::spawn(keep_ready(tables.clone(), revocations.clone()));
        revocations.settled().await;
        assert!(!revocations.is_fresh());
        tables.recover();
        while !revocations.is_fresh() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let rows = tables
            .query(crate::chat::TABLE, &Query::partition("any"))
            .await;
        assert_eq!(rows.unwrap().rows, []);
        keeping.abort();
    }

    #[tokio::test]
    async fn storage_that_is_away_holds_nobody_up() {
        let (tables, revocations) = new_storage();
        tables.lose(identity::REVOCATIONS_TABLE);
        let keeping = tokio::spawn(keep_ready(tables.clone(), revocations.clone()));
        // Less than it takes to try again.
        let settled = tokio::time::timeout(Duration::from_secs(3), revocations.settled());
        settled.await.unwrap();
        assert!(!revocations.is_fresh());
        keeping.abort();
    }
}
