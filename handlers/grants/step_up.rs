//! Putting the tokens of a stronger sign-in into a grant.

use entrada_entra::SignIn;
use entrada_tables::TableError;
use uuid::Uuid;

use super::{GrantError, GrantState, Grants, TABLE};
use crate::audit::Entry;
use crate::error::chain;
use crate::identity::UserPartition;

/// What a step-up is called in the audit log.
const STEPPED_UP: &str = "grant.stepped_up";

impl Grants {
    /// Enters that somebody other than the grant's person came back from
    /// Entra. Refused they are in any case.
    pub async fn enter_stranger(&self, grant_id: Uuid, sign_in: &SignIn) {
        let access = &sign_in.access;
        let entry = Entry::new(STEPPED_UP)
            .by(access.tenant_id, access.object_id)
            .grant(grant_id)
            .refused("another account");
        if let Err(error) = self.audit().record(entry).await {
            tracing::warn!(error = chain(&error), "a refusal was not entered");
        }
    }

    /// Replaces Entra's tokens of a grant by those of a new sign-in of the
    /// same person.
    ///
    /// # Errors
    /// [`GrantError::Invalid`] when it was another person or the grant is
    /// not in use; or when storage or the key ring fails.
    pub async fn strengthen(&self, grant_id: Uuid, sign_in: &SignIn) -> Result<(), GrantError> {
        self.auditable().await?;
        let access = &sign_in.access;
        // The partition is that of the person who signed in now: somebody
        // else's grant is not found there.
        let partition = UserPartition::of(access.tenant_id, access.object_id);
        for _ in 0..5 {
            let mut grant = self
                .find(&partition, grant_id)
                .await?
                .filter(|grant| grant.state == GrantState::Active)
                .ok_or(GrantError::Invalid("the grant is not in use"))?;
            self.hold(&mut grant, &sign_in.tokens)?;
            grant.roles.clone_from(&access.roles);
            grant.last_used_at = self.clock.unix();
            let written = self
                .tables
                .replace(TABLE, &grant.to_row(), &grant.unchanged())
                .await;
            match written {
                Ok(_) => return self.enter(&grant, STEPPED_UP, None).await,
                Err(TableError::PreconditionFailed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(GrantError::Contended)
    }
}
