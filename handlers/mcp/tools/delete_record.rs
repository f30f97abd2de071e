//! `delete_record`: takes a record away.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Services;
use super::record::records_error;
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;
use crate::records::Records;

/// Deletes a record of the caller's tenant.
pub(super) struct DeleteRecord {
    records: Arc<Records>,
}

impl DeleteRecord {
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
    /// The id that `save_record` took or gave.
    #[schemars(length(min = 1, max = 200))]
    record_id: String,
}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct Deleted {
    /// The record that is gone.
    record_id: String,
}

impl Tool for DeleteRecord {
    const NAME: &'static str = "delete_record";
    const TITLE: &'static str = "Delete a record";
    const DESCRIPTION: &'static str =
        "Deletes a record of your organisation by the id that `save_record` took or gave.";
    const CLASS: ToolClass = ToolClass::Delete;
    const EFFECTS: Effects = Effects::DELETES;
    type Arguments = Arguments;
    type Output = Deleted;

    fn example() -> Value {
        json!({"record_id": "customer-17"})
    }

    async fn call(&self, caller: &Principal, arguments: Arguments) -> Result<Deleted, ToolError> {
        let record_id = arguments.record_id;
        let deleted = self.records.delete(caller, &record_id).await;
        if deleted.map_err(records_error)? {
            Ok(Deleted { record_id })
        } else {
            Err(ToolError::new(
                "Your organisation has no record with this id.",
            ))
        }
    }
}
