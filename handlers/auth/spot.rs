//! Where things lie that have no person yet.

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::identity::{Place, SealedColumn};
use crate::text::hash;

/// The table of flows: sign-ins under way, consents asked for, offers to step
/// up, assertions that were used.
pub const TABLE: &str = "entradaflows";

/// A place in the table of flows: spread over 256 partitions by hash.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spot {
    pub(crate) partition: String,
    pub(crate) row: String,
}

impl Spot {
    /// The place of the thing of this kind that `key` names; the key itself
    /// is not stored.
    pub(crate) fn of(kind: &str, key: &str) -> Self {
        let first = digest(&SHA256, key.as_bytes())
            .as_ref()
            .first()
            .copied()
            .unwrap_or_default();
        Self {
            partition: format!("{first:02x}"),
            row: format!("{kind}-{}", hash(key)),
        }
    }

    /// The place of one of its properties, for encryption.
    pub(crate) fn place(&self, column: SealedColumn) -> Place<'_> {
        Place {
            column,
            partition: &self.partition,
            row: &self.row,
        }
    }
}
