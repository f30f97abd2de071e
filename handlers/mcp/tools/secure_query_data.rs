//! `secure_query_data`: finds records.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Services;
use super::record::records_error;
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;
use crate::records::{Filters, Found, RecordQuery, Records, Sort};

/// Finds records of the caller's tenant.
pub(super) struct SecureQueryData {
    records: Arc<Records>,
}

impl SecureQueryData {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            records: services.records.clone(),
        }
    }
}

fn hundred() -> u16 {
    100
}

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// A text that some value must have in it, whatever the case.
    #[serde(default)]
    #[schemars(length(min = 1, max = 1000))]
    query: Option<String>,
    /// What records must meet: `{"and": […]}` or `{"or": […]}` of conditions
    /// `{"field", "op", "value"}` or of groups of them, at most 20 conditions
    /// in all. A record without the field meets no condition on it.
    #[serde(default)]
    filters: Option<Filters>,
    /// The order; without it the order is arbitrary, but the same every time.
    #[serde(default)]
    sort: Option<Sort>,
    /// Records in the answer, at most. There may be fewer although more
    /// follow: only a missing `next_cursor` says that this was the end.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    limit: u16,
    /// The `next_cursor` of the page before, with the same query, filters and
    /// sort.
    #[serde(default)]
    #[schemars(length(max = 16384))]
    cursor: Option<String>,
}

impl Tool for SecureQueryData {
    const NAME: &'static str = "secure_query_data";
    const TITLE: &'static str = "Query records";
    const DESCRIPTION: &'static str = "Finds records of your organisation by text, by conditions \
         on their fields, or both, in the order of a field, page by page.";
    const CLASS: ToolClass = ToolClass::Read;
    const EFFECTS: Effects = Effects::READS;
    type Arguments = Arguments;
    type Output = Found;

    fn example() -> Value {
        json!({
            "filters": {"and": [
                {"field": "city", "op": "eq", "value": "Lisbon"},
                {"or": [
                    {"field": "orders", "op": "ge", "value": 3},
                    {"field": "tags", "op": "contains", "value": "vip"},
                ]},
            ]},
            "sort": {"field": "name", "direction": "asc"},
            "limit": 10,
        })
    }

    async fn call(&self, caller: &Principal, arguments: Arguments) -> Result<Found, ToolError> {
        let query = RecordQuery {
            text: arguments.query,
            filters: arguments.filters,
            sort: arguments.sort,
            limit: arguments.limit.into(),
            cursor: arguments.cursor,
        };
        self.records
            .find(caller, &query)
            .await
            .map_err(records_error)
    }
}
