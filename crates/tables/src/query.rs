use crate::filter::quoted;
use crate::{Continuation, Filter, Row, TableError, Tables, validate};

/// Most rows in one page, and the most that can be asked for at once
/// (Microsoft: "Query timeout and pagination").
pub(crate) const PAGE_ROWS: u32 = 1000;

/// Which rows of a partition to look at, by row key. Keys compare by their
/// UTF-16 units, as the service does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowRange {
    /// Every row.
    #[default]
    All,
    /// Rows whose key begins with this text.
    Prefix(String),
    /// Rows from one key to another.
    Between {
        /// The first key, inclusive; `None` begins at the first row.
        from: Option<String>,
        /// The key to stop before, exclusive; `None` goes to the last row.
        to: Option<String>,
    },
}

/// A query over one partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The partition key.
    pub partition: String,
    /// Which of its rows, by row key.
    pub rows: RowRange,
    /// Which of those, by their properties.
    pub filter: Option<Filter>,
    /// The properties to answer with; `None` for all. Keys and `ETag` always
    /// come.
    pub select: Option<Vec<String>>,
    /// Most rows in one page, 1 to 1,000; `None` for 1,000.
    pub limit: Option<u32>,
    /// Where to begin; `None` for the beginning.
    pub continuation: Option<Continuation>,
}

impl Query {
    /// Every row of the partition.
    pub fn partition(partition: impl Into<String>) -> Self {
        Self {
            partition: partition.into(),
            rows: RowRange::All,
            filter: None,
            select: None,
            limit: None,
            continuation: None,
        }
    }

    /// Only rows whose key begins with `prefix`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.rows = RowRange::Prefix(prefix.into());
        self
    }

    /// Only rows of this range.
    #[must_use]
    pub fn rows(mut self, rows: RowRange) -> Self {
        self.rows = rows;
        self
    }

    /// Only rows that `filter` matches.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Only these properties.
    #[must_use]
    pub fn select<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.select = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// At most `limit` rows a page.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The page after the one that ended with `continuation`.
    #[must_use]
    pub fn after(mut self, continuation: Continuation) -> Self {
        self.continuation = Some(continuation);
        self
    }
}

impl Query {
    /// Partition, range of rows and filter in `OData`.
    pub(crate) fn to_odata(&self) -> String {
        let mut text = format!("PartitionKey eq {}", quoted(&self.partition));
        let mut and = |comparison: &str, key: &str| {
            text.push_str(" and RowKey ");
            text.push_str(comparison);
            text.push(' ');
            text.push_str(&quoted(key));
        };
        match &self.rows {
            RowRange::All => {}
            RowRange::Prefix(prefix) => {
                if !prefix.is_empty() {
                    and("ge", prefix);
                }
                if let Some(end) = after_prefix(prefix) {
                    and("lt", &end);
                }
            }
            RowRange::Between { from, to } => {
                if let Some(from) = from {
                    and("ge", from);
                }
                if let Some(to) = to {
                    and("lt", to);
                }
            }
        }
        if let Some(filter) = &self.filter {
            text.push_str(" and (");
            text.push_str(&filter.to_odata());
            text.push(')');
        }
        text
    }
}

/// The first text after all that begin with `prefix`, among those that can be
/// keys; `None` when all that follow begin with it. Characters that keys
/// cannot hold are passed over, since they do not travel well in addresses.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut end: Vec<char> = prefix.chars().collect();
    while let Some(last) = end.pop() {
        if let Some(next) = next_character(last) {
            end.push(next);
            return Some(end.into_iter().collect());
        }
    }
    None
}

/// The character after `character` in the order of UTF-16 units, in which
/// those beyond U+FFFF come between U+D7FF and U+E000.
fn next_character(character: char) -> Option<char> {
    let mut next = character;
    loop {
        next = match next {
            '\u{D7FF}' => '\u{10000}',
            '\u{10FFFF}' => '\u{E000}',
            '\u{FFFF}' => return None,
            other => char::from_u32(u32::from(other) + 1)?,
        };
        if !validate::forbidden_in_key(next) {
            return Some(next);
        }
    }
}

/// One page of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The rows, in the order of their keys.
    pub rows: Vec<Row>,
    /// Where the next page begins; `None` when this was the last.
    pub continuation: Option<Continuation>,
}

/// The rows of `query` over all its pages, at most `at_most` of them.
///
/// # Errors
/// [`TableError::Invalid`] when there are more rows than that: a list that is
/// silently cut short reads like the whole. And those of [`Tables::query`].
pub async fn query_all(
    tables: &dyn Tables,
    table: &str,
    query: &Query,
    at_most: usize,
) -> Result<Vec<Row>, TableError> {
    let mut query = query.clone();
    let mut rows = Vec::new();
    loop {
        let page = tables.query(table, &query).await?;
        rows.extend(page.rows);
        if rows.len() > at_most {
            return Err(TableError::invalid(format!(
                "a query found more than the {at_most} rows that were expected at most"
            )));
        }
        match page.continuation {
            Some(continuation) => query = query.after(continuation),
            None => return Ok(rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_of_a_prefix_passes_over_what_keys_cannot_hold() {
        let cases = [
            ("a", Some("b")),
            ("a.", Some("a0")),
            ("a~", Some("a\u{a0}")),
            ("a>", Some("a@")),
            ("a\u{d7ff}", Some("a\u{10000}")),
            ("a\u{10ffff}", Some("a\u{e000}")),
            ("a\u{ffff}", Some("b")),
            ("\u{ffff}", None),
            ("", None),
        ];
        for (prefix, expected) in cases {
            assert_eq!(after_prefix(prefix).as_deref(), expected, "{prefix:?}");
        }
    }

    proptest! {
        #[test]
        fn exactly_the_keys_with_the_prefix_are_before_its_end(
            prefix in "[ -~é\u{d7ff}\u{e000}\u{ffff}🦀]{1,3}",
            rest in "[ -~é\u{ffff}🦀]{0,3}",
            other in "[ -~é\u{d7ff}\u{e000}\u{ffff}🦀]{0,4}",
        ) {
            let plain = |text: &str| !text.contains(validate::forbidden_in_key);
            prop_assume!(plain(&prefix) && plain(&rest) && plain(&other));
            let units = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
            let end = after_prefix(&prefix);
            let within = |key: &str| {
                units(key) >= units(&prefix)
                    && end.as_ref().is_none_or(|end| units(key) < units(end))
            };
            let longer = format!("{prefix}{rest}");
            prop_assert!(within(&longer));
            prop_assert_eq!(within(&other), other.starts_with(&prefix));
        }
    }
}
