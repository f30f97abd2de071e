//! Everything that the ring's encryption keys seal.

use crate::{auth, chat, downstream, grants, records};

/// What a sealed value is, by table and column. Only those of this file can be
/// made, and nothing is sealed without one: so none that lies in storage is
/// forgotten when keys change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedColumn {
    table: &'static str,
    name: &'static str,
}

impl SealedColumn {
    /// The table.
    #[must_use]
    pub fn table(self) -> &'static str {
        self.table
    }

    /// The property.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }
}

macro_rules! columns {
    ($(#[$about:meta])* $all:ident:
     $($(#[$what:meta])* $column:ident = $table:expr, $name:literal;)+) => {
        impl SealedColumn {
            $($(#[$what])* pub const $column: Self = Self { table: $table, name: $name };)+
            $(#[$about])*
            pub const $all: &'static [Self] = &[$(Self::$column),+];
        }
    };
}

columns! {
    /// Those that lie in storage under a key of the ring: the sweep seals them
    /// anew when the key retires.
    STORED:
    /// Entra's access token of a grant.
    GRANT_ACCESS = grants::TABLE, "upstream_access";
    /// Entra's refresh token of a grant.
    GRANT_REFRESH = grants::TABLE, "upstream_refresh";
    /// A token for a downstream service.
    DOWNSTREAM_TOKEN = downstream::TABLE, "token";
    /// What an agent asked of a person.
    CHAT_ASKS = chat::TABLE, "asks";
    /// The PKCE verifier of a sign-in under way.
    FLOW_VERIFIER = auth::FLOWS_TABLE, "code_verifier";
}

columns! {
    /// Those that clients hold, or that are sealed for the holder of a token:
    /// no key of the ring is kept for them.
    ELSEWHERE:
    /// A refresh token, for the holder of the one before it.
    REFRESH_SUCCESSOR = grants::TABLE, "refresh_successor";
    /// Where a page of records ended.
    RECORD_CURSOR = records::TABLE, "cursor";
    /// How far a client has come in a stream.
    EVENT_ID = chat::TABLE, "event-id";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::app::TABLES;

    #[test]
    fn every_column_is_of_a_table_that_there_is_and_none_is_there_twice() {
        let all = || SealedColumn::STORED.iter().chain(SealedColumn::ELSEWHERE);
        let names: BTreeSet<_> = all().map(|column| (column.table, column.name)).collect();
        assert_eq!(names.len(), all().count());
        for column in all() {
            assert!(TABLES.contains(&column.table()), "{column:?}");
        }
    }
}
