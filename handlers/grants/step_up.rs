//! Putting the tokens of a stronger sign-in into a grant.

use entrada_entra::SignIn;
use entrada_tables::TableError;
use uuid::Uuid;

use super::{GrantError, GrantState, Grants, TABLE};
use crate::identity::UserPartition;

impl Grants {
    /// Replaces Entra's tokens of a grant by those of a new sign-in of the
    /// same person.
    ///
    /// # Errors
    /// [`GrantError::Invalid`] when it was another person or the grant is
    /// not in use; or when storage or the key ring fails.
    pub async fn strengthen(&self, grant_id: Uuid, sign_in: &SignIn) -> Result<(), GrantError> {
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
                Ok(_) => return Ok(()),
                Err(TableError::PreconditionFailed) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(GrantError::Contended)
    }
}
