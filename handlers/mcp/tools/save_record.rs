//! `save_record`: keeps a JSON object.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::Services;
use super::record::records_error;
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;
use crate::records::Records;

/// Saves a record of the caller's tenant.
pub(super) struct SaveRecord {
    records: Arc<Records>,
}

impl SaveRecord {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            records: services.records.clone(),
        }
    }
}

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// The record to replace, or the id of a new one; without it a new
    /// record gets an id.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    record_id: Option<String>,
    /// What to keep: a JSON object of at most 256 KiB, nested at most 16
    /// levels deep.
    data: Map<String, Value>,
}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct Saved {
    /// The record's id.
    record_id: String,
    /// Whether there was none of this id before.
    created: bool,
    /// When it was saved.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String")]
    updated_at: OffsetDateTime,
}

impl Tool for SaveRecord {
    const NAME: &'static str = "save_record";
    const TITLE: &'static str = "Save a record";
    const DESCRIPTION: &'static str = "Saves a JSON object as a record of your organisation, in \
         the place of the one with the same id if there is one. `secure_query_data` finds it.";
    const CLASS: ToolClass = ToolClass::Write;
    // It may put other data in the place of what is there.
    const EFFECTS: Effects = Effects {
        destructive: true,
        ..Effects::WRITES
    };
    type Arguments = Arguments;
    type Output = Saved;

    fn example() -> Value {
        json!({"record_id": "customer-17", "data": {"name": "Ada", "city": "Lisbon", "orders": 3}})
    }

    async fn call(&self, caller: &Principal, arguments: Arguments) -> Result<Saved, ToolError> {
        let saved = self
            .records
            .save(caller, arguments.record_id, arguments.data)
            .await
            .map_err(records_error)?;
        Ok(Saved {
            record_id: saved.record.record_id,
            created: saved.created,
            updated_at: saved.record.updated_at,
        })
    }
}
