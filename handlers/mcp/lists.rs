//! Tool lists as they go over the wire, made once for each set of classes that
//! somebody may see.

use std::sync::OnceLock;

use rmcp::model::{CacheScope, ErrorData, ListToolsResult, Tool as ToolDefinition};
use serde_json::value::{RawValue, to_raw_value};

use super::Registry;
use super::direct::Era;
use crate::identity::Principal;
use crate::policy::ToolClass;

/// How long a client may keep a tool list, in milliseconds. Roles change with
/// the token, which lives an hour at most; a minute keeps lists fresh.
const TTL_MS: u64 = 60_000;

/// Tools in one page of a list.
const PAGE: usize = 100;

/// Sets of classes.
const SETS: usize = 1 << ToolClass::ALL.len();

/// The part of a list that follows the tool `after`, or its beginning.
///
/// # Errors
/// When no tool on the list is called `after`: invalid parameters (MCP
/// 2026-07-28, "Pagination").
pub(super) fn page(
    visible: Vec<ToolDefinition>,
    after: Option<&str>,
    era: Era,
) -> Result<ListToolsResult, ErrorData> {
    if after.is_some_and(|after| visible.iter().all(|tool| tool.name != after)) {
        let detail = "The cursor is none of this list. Ask for its beginning again.";
        return Err(ErrorData::invalid_params(detail, None));
    }
    let mut rest = visible
        .into_iter()
        .skip_while(|tool| after.is_some_and(|after| tool.name.as_ref() <= after));
    let page: Vec<_> = rest.by_ref().take(PAGE).collect();
    let next_cursor = match (rest.next(), page.last()) {
        (Some(_), Some(last)) => Some(last.name.to_string()),
        _ => None,
    };
    let mut result = ListToolsResult::with_all_items(page);
    result.next_cursor = next_cursor;
    Ok(match era {
        Era::Initialize => {
            result.result_type = None;
            result
        }
        // Another caller's list may be another one.
        Era::PerRequest => result
            .with_ttl_ms(TTL_MS)
            .with_cache_scope(CacheScope::Private),
    })
}

/// A list that is one page.
#[derive(Debug)]
pub(super) struct Listed {
    /// The result of `tools/list`.
    pub(super) page: Box<RawValue>,
    /// Whether there is nothing on it but public tools.
    pub(super) is_empty: bool,
}

/// The lists that were asked for until now.
#[derive(Debug)]
pub(super) struct Lists {
    initialize: [OnceLock<Option<Listed>>; SETS],
    per_request: [OnceLock<Option<Listed>>; SETS],
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            initialize: [const { OnceLock::new() }; SETS],
            per_request: [const { OnceLock::new() }; SETS],
        }
    }
}

impl Lists {
    /// The list of a caller; `None` when it has several pages.
    pub(super) fn of(&self, registry: &Registry, caller: &Principal, era: Era) -> Option<&Listed> {
        let lists = match era {
            Era::Initialize => &self.initialize,
            Era::PerRequest => &self.per_request,
        };
        let made = lists.get(registry.classes(caller))?;
        made.get_or_init(|| {
            let visible = registry.visible(caller);
            let is_empty = registry.are_public(&visible);
            let result = page(visible, None, era).ok()?;
            if result.next_cursor.is_some() {
                return None;
            }
            let page = to_raw_value(&result).ok()?;
            Some(Listed { page, is_empty })
        })
        .as_ref()
    }
}
