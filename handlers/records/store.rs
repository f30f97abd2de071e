//! A tenant's records in storage.

use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_tables::{Condition, TableError, Tables};
use serde_json::{Map, Value};
use thiserror::Error;
use uuid::Uuid;

use super::cursor;
use super::query::{Found, RecordQuery};
use super::record::{Record, RecordFault, check, row_key};
use super::scan::{Bounds, Scanned, scan};
use crate::identity::{KeyRings, Principal};

/// The table of records: one partition for each tenant.
pub const TABLE: &str = "entradarecords";

/// How often a save is tried again when somebody else was faster.
const ATTEMPTS: usize = 4;

/// Why records cannot be saved or found.
#[derive(Debug, Error)]
pub enum RecordsError {
    /// The data cannot be a record's.
    #[error(transparent)]
    Fault(#[from] RecordFault),
    /// Too many conditions, or a group of none.
    #[error("`filters` has no conditions, or more than 20 in all")]
    Filters,
    /// A cursor that was not handed out for this query.
    #[error("the cursor does not belong to this query; begin again without one")]
    Cursor,
    /// Others keep changing the record.
    #[error("others changed the record at the same moment; try again")]
    Busy,
    /// The key ring is not there yet, so that no cursor can be made.
    #[error("the key ring has not been loaded yet")]
    NoKeys,
    /// Storage failed.
    #[error("storage failed")]
    Storage(#[from] TableError),
}

/// What a save came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The record as it is now.
    pub record: Record,
    /// Whether there was none before.
    pub created: bool,
}

/// Records in storage.
#[derive(Debug)]
pub struct Records {
    tables: Arc<dyn Tables>,
    rings: Arc<KeyRings>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    bounds: Bounds,
}

impl Records {
    /// Records in `tables`, with cursors sealed by a key of `rings`.
    #[must_use]
    pub fn new(
        tables: Arc<dyn Tables>,
        rings: Arc<KeyRings>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            tables,
            rings,
            clock,
            random,
            bounds: Bounds::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn within(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Saves a record of the caller's tenant in the place of the one with the
    /// same id; a new one gets an id if it has none.
    ///
    /// # Errors
    /// When the data are too large or too deep, others keep changing the
    /// record, or storage does not take it.
    pub async fn save(
        &self,
        caller: &Principal,
        record_id: Option<String>,
        data: Map<String, Value>,
    ) -> Result<Saved, RecordsError> {
        self.save_as(caller.tenant_id(), caller.object_id(), record_id, data)
            .await
    }

    pub(super) async fn save_as(
        &self,
        tenant: Uuid,
        person: Uuid,
        record_id: Option<String>,
        data: Map<String, Value>,
    ) -> Result<Saved, RecordsError> {
        check(&data)?;
        let now = self.clock.now();
        let partition = tenant.to_string();
        let mut record = Record {
            record_id: record_id.unwrap_or_else(|| self.random.uuid_v7(now).to_string()),
            data,
            created_at: now,
            updated_at: now,
        };
        let key = row_key(&record.record_id);
        for _ in 0..ATTEMPTS {
            let there = self.tables.get(TABLE, &partition, &key).await?;
            let mut created_by = person;
            let condition = match &there {
                None => None,
                Some(row) => {
                    record.created_at = row.datetime("created_at")?;
                    created_by = row.guid("created_by")?;
                    row.etag.clone().map(Condition::Matches)
                }
            };
            let row = record.to_row(&partition, created_by, person)?;
            let written = match &condition {
                None => self.tables.insert(TABLE, &row).await,
                Some(condition) => self.tables.replace(TABLE, &row, condition).await,
            };
            match written {
                Ok(_) => {
                    return Ok(Saved {
                        record,
                        created: condition.is_none(),
                    });
                }
                Err(
                    TableError::AlreadyExists
                    | TableError::PreconditionFailed
                    | TableError::NotFound,
                ) => record.created_at = now,
                Err(error) => return Err(error.into()),
            }
        }
        Err(RecordsError::Busy)
    }

    /// Deletes a record of the caller's tenant; `false` when there is none.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn delete(&self, caller: &Principal, record_id: &str) -> Result<bool, RecordsError> {
        self.delete_of(caller.tenant_id(), record_id).await
    }

    pub(super) async fn delete_of(
        &self,
        tenant: Uuid,
        record_id: &str,
    ) -> Result<bool, RecordsError> {
        let (partition, key) = (tenant.to_string(), row_key(record_id));
        let deleted = self
            .tables
            .delete(TABLE, &partition, &key, &Condition::Exists)
            .await;
        match deleted {
            Ok(()) => Ok(true),
            Err(TableError::NotFound) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds records of the caller's tenant.
    ///
    /// # Errors
    /// When the query has too many conditions or a cursor that is not its
    /// own, or storage does not answer.
    pub async fn find(
        &self,
        caller: &Principal,
        query: &RecordQuery,
    ) -> Result<Found, RecordsError> {
        self.find_of(caller.tenant_id(), query).await
    }

    pub(super) async fn find_of(
        &self,
        tenant: Uuid,
        query: &RecordQuery,
    ) -> Result<Found, RecordsError> {
        if !query
            .filters
            .as_ref()
            .is_none_or(super::Filters::is_bounded)
        {
            return Err(RecordsError::Filters);
        }
        let ring = self
            .rings
            .current_soon()
            .await
            .map_err(|_| RecordsError::NoKeys)?;
        let position = match &query.cursor {
            None => None,
            Some(text) => {
                let opened = cursor::open(text, tenant, query, &ring);
                Some(opened.map_err(|_| RecordsError::Cursor)?)
            }
        };
        let Scanned {
            records,
            next,
            rows,
            cut,
        } = scan(
            self.tables.as_ref(),
            &tenant.to_string(),
            query,
            position,
            self.bounds,
        )
        .await?;
        let next_cursor = next
            .map(|next| cursor::seal(&next, tenant, query, &ring, self.random.as_ref()))
            .transpose()
            .map_err(|_| RecordsError::NoKeys)?;
        Ok(Found {
            count: records.len(),
            records,
            next_cursor,
            scanned: rows,
            cut,
        })
    }
}
