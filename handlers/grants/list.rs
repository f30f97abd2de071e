//! A person's grants, for that person.

use entrada_tables::Query;
use uuid::Uuid;

use super::{Grant, GrantError, GrantState, Grants, TABLE};
use crate::identity::{RevocationCheck, UserPartition};

/// A list for people ends after this many sign-ins.
const MOST: usize = 5_000;

/// The query for every grant of a person.
pub(super) fn every(partition: &UserPartition) -> Query {
    Query::partition(partition.as_str()).prefix("grant-")
}

impl Grants {
    /// A page of grants, without those that have expired, and the query for
    /// the next page if there is one.
    pub(super) async fn page(
        &self,
        query: &Query,
    ) -> Result<(Vec<Grant>, Option<Query>), GrantError> {
        let page = self.tables.query(TABLE, query).await?;
        let now = self.clock.unix();
        let grants = page
            .rows
            .iter()
            .filter(|row| !row.is_expired(now))
            .map(Grant::from_row)
            .collect::<Result<Vec<_>, _>>()?;
        let next = page.continuation.map(|end| query.clone().after(end));
        Ok((grants, next))
    }

    /// A person's grants that are in use, used last first: 5,000 at most.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn list(&self, partition: &UserPartition) -> Result<Vec<Grant>, GrantError> {
        let mut grants = Vec::new();
        let mut next = Some(every(partition));
        while let Some(query) = next.filter(|_| grants.len() < MOST) {
            let (mut page, after) = self.page(&query).await?;
            // A list that is too old to decide by hides nothing.
            page.retain(|grant| {
                grant.state == GrantState::Active
                    && self.cut_off_since(grant) != RevocationCheck::Revoked
            });
            grants.append(&mut page);
            next = after;
        }
        grants.truncate(MOST);
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
