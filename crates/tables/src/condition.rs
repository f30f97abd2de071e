use std::fmt;

use crate::Row;

/// Names one version of a row. Opaque: compare it, hand it back, nothing
/// else. Every write gives the row another one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ETag(String);

impl ETag {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ETag").field(&self.0).finish()
    }
}

/// When a replace, merge or delete may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Always. A replace or merge makes the row when there is none; a delete
    /// of a row that is not there succeeds (in a batch too).
    None,
    /// There must be a row, whatever its version (`If-Match: *`); else
    /// [`TableError::NotFound`](crate::TableError::NotFound).
    Exists,
    /// The row must be of this version; else
    /// [`TableError::PreconditionFailed`](crate::TableError::PreconditionFailed),
    /// or [`TableError::NotFound`](crate::TableError::NotFound) when there is
    /// none.
    Matches(ETag),
}

/// One operation of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Makes a row that must not be there yet.
    Insert(Row),
    /// Puts the row in the place of the one that is there.
    Replace(Row, Condition),
    /// Sets the properties that are named and keeps the others.
    Merge(Row, Condition),
    /// Removes a row.
    Delete {
        /// The partition, the same for every operation of the batch.
        partition: String,
        /// The row's key.
        row: String,
        /// When it may be removed.
        condition: Condition,
    },
}

impl Operation {
    /// Partition and row key.
    #[must_use]
    pub fn keys(&self) -> (&str, &str) {
        match self {
            Self::Insert(row) | Self::Replace(row, _) | Self::Merge(row, _) => {
                (&row.partition, &row.row)
            }
            Self::Delete { partition, row, .. } => (partition, row),
        }
    }
}
