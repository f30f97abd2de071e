//! Consents that a person had the browser remember.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use entrada_tables::{Condition, Filter, Query, Row, TableError, query_all};
use uuid::Uuid;

use super::{GrantError, Grants, TABLE};
use crate::identity::{RevocationCheck, Revoked, UserPartition};
use crate::text::hash;

/// How long a consent is remembered, in seconds: no longer than a grant can
/// live.
pub const REMEMBERED_SECONDS: i64 = 90 * 24 * 3600;

/// More than this many for one client are a mistake.
const MOST: usize = 1_000;

/// What a remembered consent is bound to beside the person.
#[derive(Debug, Clone, Copy)]
pub struct ConsentBinding<'a> {
    /// The client.
    pub client_id: &'a str,
    /// Where its codes go.
    pub redirect_uri: &'a str,
    /// What it may reach.
    pub resource: &'a str,
}

impl ConsentBinding<'_> {
    /// One text for all three. A line feed occurs in none of them.
    #[must_use]
    pub fn digest(&self) -> String {
        hash(&format!(
            "{}\n{}\n{}",
            self.client_id, self.redirect_uri, self.resource
        ))
    }
}

fn row_key(binding: &ConsentBinding<'_>) -> String {
    format!("consent-{}", binding.digest())
}

impl Grants {
    /// Remembers a consent of somebody of this tenant: the secret that the
    /// browser shows next time. The latest browser's counts.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn remember_consent(
        &self,
        partition: &UserPartition,
        tenant_id: Uuid,
        binding: &ConsentBinding<'_>,
    ) -> Result<String, GrantError> {
        let secret = self.random.secret();
        let row = Row::new(partition.as_str(), row_key(binding))
            .with("kind", "consent")
            .with("client_id", binding.client_id)
            .with("tenant_id", tenant_id)
            .with("secret_hash", hash(&secret))
            .with("expires_at", self.clock.unix() + REMEMBERED_SECONDS);
        self.tables.replace(TABLE, &row, &Condition::None).await?;
        Ok(secret)
    }

    /// Whether this consent was remembered with this secret.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn has_remembered_consent(
        &self,
        partition: &UserPartition,
        binding: &ConsentBinding<'_>,
        secret: &str,
    ) -> Result<bool, GrantError> {
        let row = self
            .tables
            .get(TABLE, partition.as_str(), &row_key(binding))
            .await?
            .filter(|row| !row.is_expired(self.clock.unix()));
        let Some(row) = row else {
            return Ok(false);
        };
        // Rows of earlier versions do not say whose tenant it was.
        let Some(tenant_id) = row.optional_guid("tenant_id")? else {
            return Ok(false);
        };
        // Who was cut off since is asked again.
        let subjects = [
            Revoked::User(partition.clone()),
            Revoked::Client(binding.client_id.to_owned()),
            Revoked::Tenant(tenant_id),
        ];
        let since = row.int64("expires_at")? - REMEMBERED_SECONDS;
        if self.revocations.check_since(&subjects, since) != RevocationCheck::Clear {
            return Ok(false);
        }
        let (stored, shown) = (row.text("secret_hash")?, hash(secret));
        Ok(verify_slices_are_equal(stored.as_bytes(), shown.as_bytes()).is_ok())
    }

    /// Forgets what was remembered about a client.
    pub(super) async fn forget_consents(
        &self,
        partition: &UserPartition,
        client_id: &str,
    ) -> Result<(), TableError> {
        let query = Query::partition(partition.as_str())
            .prefix("consent-")
            .filter(Filter::eq("client_id", client_id))
            .select(["client_id"]);
        for row in query_all(self.tables.as_ref(), TABLE, &query, MOST).await? {
            self.tables
                .delete(TABLE, partition.as_str(), &row.row, &Condition::None)
                .await?;
        }
        Ok(())
    }
}
