//! `admin_audit_query`: who did what.

use std::sync::Arc;

use entrada_ambient::Clock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::Services;
use crate::audit::{AuditQuery, AuditReader, Entry, LONGEST_RANGE, Outcome};
use crate::identity::Principal;
use crate::mcp::{Effects, Tool, ToolError};
use crate::policy::ToolClass;

/// Pages through the tenant's audit log.
pub(super) struct AdminAuditQuery {
    reader: Arc<AuditReader>,
    clock: Arc<dyn Clock>,
}

impl AdminAuditQuery {
    pub(super) fn new(services: &Services) -> Self {
        Self {
            reader: services.audit.clone(),
            clock: services.system.clock.clone(),
        }
    }
}

/// What it takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    /// Only entries of this person: an object id.
    #[serde(default)]
    user: Option<Uuid>,
    /// Only entries about this tool.
    #[serde(default)]
    #[schemars(length(min = 1, max = 200))]
    tool: Option<String>,
    /// Only entries with this outcome.
    #[serde(default)]
    outcome: Option<Outcome>,
    /// From this time on, RFC 3339; a day before `to` by default.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    from: Option<OffsetDateTime>,
    /// Up to this time, RFC 3339; now by default. At most 31 days after
    /// `from`. Repeat it when you go on with a cursor.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    to: Option<OffsetDateTime>,
    /// Most entries in a page.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 200))]
    limit: usize,
    /// Where the page before ended.
    #[serde(default)]
    #[schemars(length(max = 300))]
    cursor: Option<String>,
}

fn default_limit() -> usize {
    50
}

/// What it gives.
#[derive(Serialize, JsonSchema)]
pub(super) struct Page {
    /// The entries, newest first. A page may be short, even empty, although
    /// more follow.
    entries: Vec<Entry>,
    /// Where the next page begins; null when this was the last.
    next_cursor: Option<String>,
    /// The beginning of the range, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String")]
    from: OffsetDateTime,
    /// The end of the range, RFC 3339.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String")]
    to: OffsetDateTime,
}

impl Tool for AdminAuditQuery {
    const NAME: &'static str = "admin_audit_query";
    const TITLE: &'static str = "Audit log";
    const DESCRIPTION: &'static str = "Who in your organisation did what, newest first: sign-ins, \
         tokens, tool calls and refusals, by person, tool, outcome and time.";
    const CLASS: ToolClass = ToolClass::Admin;
    const EFFECTS: Effects = Effects::READS;
    type Arguments = Arguments;
    type Output = Page;

    fn example() -> Value {
        json!({"tool": "delete_weather_alert", "outcome": "succeeded", "limit": 20})
    }

    async fn call(&self, caller: &Principal, arguments: Arguments) -> Result<Page, ToolError> {
        let to = arguments.to.unwrap_or_else(|| self.clock.now());
        let from = arguments.from.unwrap_or(to - time::Duration::DAY);
        if from > to || to - from > LONGEST_RANGE {
            return Err(ToolError::new(
                "The range must end after it begins and be at most 31 days long.",
            ));
        }
        let query = AuditQuery {
            tenant: caller.tenant_id(),
            from,
            to,
            user: arguments.user,
            tool: arguments.tool,
            outcome: arguments.outcome,
            limit: arguments.limit.max(1),
            cursor: arguments.cursor,
        };
        let page = self.reader.page(&query).await?.map_err(|_| {
            ToolError::new("The cursor is not one of this query; repeat `from` and `to` with it.")
        })?;
        Ok(Page {
            entries: page.entries,
            next_cursor: page.next_cursor,
            from,
            to,
        })
    }
}
