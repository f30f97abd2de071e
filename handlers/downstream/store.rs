//! Downstream tokens in storage, for the next instance: encrypted, and gone
//! when they expire or the sign-in ends that they were made from.

use std::sync::Arc;

use entrada_ambient::Random;
use entrada_tables::{Condition, Filter, Query, Row, TableError, Tables};
use futures::future::try_join_all;
use secrecy::SecretString;
use thiserror::Error;
use uuid::Uuid;

use super::key::CacheKey;
use crate::error::chain;
use crate::identity::{
    KeyRings, NoKeyRing, Place, Principal, SealError, SealedColumn, UserPartition,
};

/// The table of downstream tokens; a person's partition holds that person's.
pub const TABLE: &str = "entradadownstream";

/// The sign-in that a token was made from, if it was one of ours.
const GRANT: &str = "grant_id";

/// Expired rows that a write removes on the way.
const SWEPT: usize = 10;

/// A token and when it ends, epoch seconds.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) token: SecretString,
    pub(super) expires_at: i64,
}

#[derive(Debug, Error)]
enum StoreError {
    #[error("storage failed")]
    Storage(#[from] TableError),
    #[error(transparent)]
    NoKeys(#[from] NoKeyRing),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The stored half of the cache. It only ever saves a round trip to Entra,
/// so nothing here fails a call.
#[derive(Debug)]
pub(super) struct TokenStore {
    pub(super) tables: Arc<dyn Tables>,
    pub(super) rings: Arc<KeyRings>,
    pub(super) random: Arc<dyn Random>,
}

impl TokenStore {
    /// A stored token, whenever it ends.
    pub(super) async fn load(&self, partition: &UserPartition, key: CacheKey) -> Option<Kept> {
        match self.read(partition, key).await {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(error = chain(&error), "a downstream token was not loaded");
                None
            }
        }
    }

    async fn read(
        &self,
        partition: &UserPartition,
        key: CacheKey,
    ) -> Result<Option<Kept>, StoreError> {
        let row_key = key.row();
        let Some(row) = self.tables.get(TABLE, partition.as_str(), &row_key).await? else {
            return Ok(None);
        };
        let token = self.rings.current()?.open(
            row.binary(SealedColumn::DOWNSTREAM_TOKEN.name())?,
            place(partition, &row_key),
        )?;
        Ok(Some(Kept {
            token,
            expires_at: row.int64("expires_at")?,
        }))
    }

    /// Keeps a token until it ends; removes a few of the person's that have
    /// ended.
    pub(super) async fn save(&self, caller: &Principal, key: CacheKey, kept: &Kept, now: i64) {
        if let Err(error) = self.write(caller, key, kept, now).await {
            tracing::debug!(error = chain(&error), "a downstream token was not stored");
        }
    }

    async fn write(
        &self,
        caller: &Principal,
        key: CacheKey,
        kept: &Kept,
        now: i64,
    ) -> Result<(), StoreError> {
        let (partition, row_key) = (caller.partition(), key.row());
        let sealed = self.rings.current()?.seal(
            &kept.token,
            place(&partition, &row_key),
            self.random.as_ref(),
        )?;
        let row = Row::new(partition.as_str(), row_key)
            .with(SealedColumn::DOWNSTREAM_TOKEN.name(), sealed)
            .with_optional(GRANT, caller.grant_id())
            .with("expires_at", kept.expires_at);
        self.tables.replace(TABLE, &row, &Condition::None).await?;
        entrada_tables::sweep(self.tables.as_ref(), TABLE, partition.as_str(), now, SWEPT).await?;
        Ok(())
    }
}

/// Removes what is stored of a sign-in that ends. Rows of earlier versions do
/// not say whose they are; they end within the hour.
///
/// # Errors
/// When storage does not answer.
pub(crate) async fn forget(
    tables: &dyn Tables,
    partition: &UserPartition,
    grant_id: Uuid,
) -> Result<(), TableError> {
    let mut next = Some(
        Query::partition(partition.as_str())
            .filter(Filter::eq(GRANT, grant_id))
            .select([GRANT]),
    );
    while let Some(query) = next {
        let page = tables.query(TABLE, &query).await?;
        let removing = page.rows.iter().map(async |row| {
            let removed = tables.delete(TABLE, &row.partition, &row.row, &Condition::None);
            match removed.await {
                Err(TableError::NotFound) => Ok(()),
                other => other,
            }
        });
        try_join_all(removing).await?;
        next = page.continuation.map(|end| query.after(end));
    }
    Ok(())
}

fn place<'a>(partition: &'a UserPartition, row: &'a str) -> Place<'a> {
    Place {
        column: SealedColumn::DOWNSTREAM_TOKEN,
        partition: partition.as_str(),
        row,
    }
}
