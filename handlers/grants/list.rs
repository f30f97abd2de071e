//! A person's grants, for that person.

use entrada_tables::{Query, query_all};
use uuid::Uuid;

use super::{Grant, GrantError, GrantState, Grants, TABLE};
use crate::identity::{RevocationCheck, UserPartition};

/// More than this many sign-ins of one person is no list for people any
/// more.
pub(super) const MOST: usize = 5_000;

impl Grants {
    /// A person's grants that are in use, used last first.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn list(&self, partition: &UserPartition) -> Result<Vec<Grant>, GrantError> {
        let query = Query::partition(partition.as_str()).prefix("grant-");
        let now = self.clock.unix();
        let rows = query_all(self.tables.as_ref(), TABLE, &query, MOST).await?;
        let mut grants = rows
            .iter()
            .filter(|row| !row.is_expired(now))
            .map(Grant::from_row)
            .collect::<Result<Vec<_>, _>>()?;
        // A list that is too old to decide by hides nothing.
        grants.retain(|grant| {
            grant.state == GrantState::Active
                && self.cut_off_since(grant) != RevocationCheck::Revoked
        });
        grants.sort_by_key(|grant| std::cmp::Reverse(grant.last_used_at));
        Ok(grants)
    }

    /// Ends one of a person's grants; `None` when there is none in use by
    /// this id. What the person had the browser remember about that client
    /// is forgotten first, so that the client has to ask again.
    ///
    /// # Errors
    /// When storage does not answer; ending it again finishes the work.
    pub async fn end_own(
        &self,
        partition: &UserPartition,
        grant_id: Uuid,
    ) -> Result<Option<Grant>, GrantError> {
        let grant = self
            .find(partition, grant_id)
            .await?
            .filter(|grant| grant.state != GrantState::Pending && !self.has_ended(grant));
        let Some(grant) = grant else {
            return Ok(None);
        };
        self.forget_consents(partition, &grant.client_id).await?;
        self.end(&grant).await?;
        Ok(Some(grant))
    }
}
