//! Claims that Entra asked for while a grant was refreshed: kept until the
//! person signs in with that client again.

use entrada_tables::{Condition, Row};

use super::{Grant, GrantError, Grants, TABLE};
use crate::identity::UserPartition;
use crate::text::hash;

/// How long they are kept, in seconds: a client that does not come back
/// within a month has lost its grant anyway.
const KEPT: i64 = 30 * 24 * 3600;

fn row_key(client_id: &str) -> String {
    format!("claims-{}", hash(client_id))
}

impl Grants {
    /// Keeps the claims (JSON) that Entra wants for this person and client.
    pub(super) async fn keep_claims(&self, grant: &Grant, claims: &str) -> Result<(), GrantError> {
        let row = Row::new(grant.partition().as_str(), row_key(&grant.client_id))
            .with("kind", "claims")
            .with("claims", claims)
            .with("expires_at", self.clock.unix() + KEPT);
        self.tables.replace(TABLE, &row, &Condition::None).await?;
        Ok(())
    }

    /// The claims (JSON) that the next sign-in of this person with this
    /// client must meet, if there are any.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn kept_claims(
        &self,
        partition: &UserPartition,
        client_id: &str,
    ) -> Result<Option<String>, GrantError> {
        let row = self
            .tables
            .get(TABLE, partition.as_str(), &row_key(client_id))
            .await?
            .filter(|row| !row.is_expired(self.clock.unix()));
        Ok(row
            .map(|row| row.text("claims").map(str::to_owned))
            .transpose()?)
    }

    /// Forgets them: a sign-in met them.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn forget_claims(
        &self,
        partition: &UserPartition,
        client_id: &str,
    ) -> Result<(), GrantError> {
        self.tables
            .delete(
                TABLE,
                partition.as_str(),
                &row_key(client_id),
                &Condition::None,
            )
            .await?;
        Ok(())
    }
}
