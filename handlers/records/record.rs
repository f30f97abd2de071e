//! A record and its row.

use entrada_tables::{Row, TableError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;
use time::OffsetDateTime;
use uuid::Uuid;

use super::columns::with_columns;
use crate::text::hash;

/// Largest data of a record as JSON, in bytes.
const LARGEST: usize = 256 * 1024;
/// How deep objects and lists may lie in each other.
const DEEPEST: usize = 16;
/// The long text that holds the record.
const DOCUMENT: &str = "document";

/// A record.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Record {
    /// Its id, unique within the tenant.
    pub record_id: String,
    /// What was saved.
    pub data: Map<String, Value>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String")]
    pub created_at: OffsetDateTime,
    /// When it was saved last.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String")]
    pub updated_at: OffsetDateTime,
}

/// Why data cannot be a record's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordFault {
    /// Too much.
    #[error("`data` has {0} bytes as JSON; at most {LARGEST} are allowed")]
    TooLarge(usize),
    /// Too deep.
    #[error("`data` is nested deeper than {DEEPEST} levels")]
    TooDeep,
}

/// What a row keeps as JSON: the id too, so that nothing of a caller's is in
/// storage but in this text and in typed columns.
#[derive(Serialize, Deserialize)]
struct Document {
    id: String,
    data: Map<String, Value>,
}

/// The row key of a record: ids are any text, keys are not.
pub(super) fn row_key(record_id: &str) -> String {
    hash(record_id)
}

/// Checks size and depth of data.
pub(super) fn check(data: &Map<String, Value>) -> Result<(), RecordFault> {
    if !data.values().all(|value| fits(value, DEEPEST - 1)) {
        return Err(RecordFault::TooDeep);
    }
    let bytes = size(data);
    if bytes > LARGEST {
        return Err(RecordFault::TooLarge(bytes));
    }
    Ok(())
}

fn fits(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(elements) => {
            levels > 0 && elements.iter().all(|element| fits(element, levels - 1))
        }
        Value::Object(members) => {
            levels > 0 && members.values().all(|member| fits(member, levels - 1))
        }
        _ => true,
    }
}

/// Bytes of data as JSON.
pub(super) fn size(data: &Map<String, Value>) -> usize {
    serde_json::to_vec(data).map_or(usize::MAX, |json| json.len())
}

impl Record {
    /// The row of this record in a tenant's partition.
    pub(super) fn to_row(
        &self,
        partition: &str,
        created_by: Uuid,
        updated_by: Uuid,
    ) -> Result<Row, TableError> {
        let document = Document {
            id: self.record_id.clone(),
            data: self.data.clone(),
        };
        let json = serde_json::to_string(&document).map_err(|_| TableError::Invalid {
            reason: "a record cannot be written as JSON".to_owned(),
        })?;
        let row = Row::new(partition, row_key(&self.record_id))
            .with_long_text(DOCUMENT, &json)
            .with("created_at", self.created_at)
            .with("created_by", created_by)
            .with("updated_at", self.updated_at)
            .with("updated_by", updated_by);
        Ok(with_columns(row, &self.data))
    }

    /// The record of a row.
    pub(super) fn from_row(row: &Row) -> Result<Self, TableError> {
        let corrupt = || TableError::Invalid {
            reason: "a row of the records holds no record".to_owned(),
        };
        let json = row.long_text(DOCUMENT)?.ok_or_else(corrupt)?;
        let document: Document = serde_json::from_str(&json).map_err(|_| corrupt())?;
        Ok(Self {
            record_id: document.id,
            data: document.data,
            created_at: row.datetime("created_at")?,
            updated_at: row.datetime("updated_at")?,
        })
    }
}
