//! Ending grants.

use entrada_tables::Condition;
use futures::future::join;
use uuid::Uuid;

use super::store::{ACCESS_TOKEN_LIFETIME, entry, not_audited, unavailable};
use super::{Grant, GrantError, GrantState, Grants, SecretCode, TABLE};
use crate::context::spawn;
use crate::downstream;
use crate::identity::{Revocation, RevocationCheck, Revoked, UserPartition};

/// How long a grant that ended is on the revocation list, in seconds: longer
/// than its access tokens live.
const LISTED: i64 = ACCESS_TOKEN_LIFETIME + 300;

impl Grants {
    /// Ends a grant: its secrets are removed, and what was issued from it is
    /// refused everywhere.
    ///
    /// The row goes first, and with it the tokens of other services that were
    /// made from it: once the tokens that a caller shows are refused, that
    /// caller cannot come again to have the rest done. All is done whether or
    /// not the caller waits.
    ///
    /// # Errors
    /// When storage does not take it; ending it again finishes the work.
    pub async fn end(&self, grant: &Grant) -> Result<(), GrantError> {
        let now = self.clock.unix();
        let mut ended = grant.clone();
        ended.state = GrantState::Ended;
        ended.last_used_at = now;
        ended.refresh.successor = None;
        ended.upstream.access = Vec::new();
        ended.upstream.refresh = Vec::new();
        let entry = entry(grant, "grant.ended");
        let tables = self.tables.clone();
        let revocations = self.revocations.clone();
        let audit = self.audit().clone();
        let ending = async move {
            let (row, partition) = (ended.to_row(), ended.partition());
            let replaced = tables.replace(TABLE, &row, &Condition::None);
            let forgotten = downstream::forget(tables.as_ref(), &partition, ended.id);
            let (replaced, forgotten) = join(replaced, forgotten).await;
            replaced?;
            let revocation = Revocation {
                not_before: now,
                blocked: true,
            };
            revocations
                .revoke(&Revoked::Grant(ended.id), revocation, now + LISTED)
                .await?;
            audit.record(entry).await.map_err(not_audited)?;
            // Nobody reaches those any more, so they hold up nothing of this.
            Ok(forgotten?)
        };
        spawn(ending)
            .await
            .map_err(|error| unavailable("a grant was not ended", Some(Box::new(error))))?
    }

    /// Whether nothing is left to be done about the end of a grant.
    pub(super) fn has_ended(&self, grant: &Grant) -> bool {
        let listed = || {
            let subject = [Revoked::Grant(grant.id)];
            self.revocations.check_since(&subject, grant.created_at) == RevocationCheck::Revoked
        };
        grant.state == GrantState::Ended
            && (self.clock.unix() - grant.last_used_at > LISTED || listed())
    }

    /// Ends the grant that a refresh token or a caller names, if it is there.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn end_by_id(
        &self,
        partition: &UserPartition,
        grant_id: Uuid,
    ) -> Result<(), GrantError> {
        match self.find(partition, grant_id).await? {
            Some(grant) if !self.has_ended(&grant) => self.end(&grant).await,
            _ => Ok(()),
        }
    }

    /// Ends the grant of a refresh token: the current one or the one before
    /// it. Any other is not known and changes nothing.
    ///
    /// # Errors
    /// [`GrantError::Invalid`] when the token is not of that client's grant;
    /// or when storage does not answer.
    pub async fn end_by_token(
        &self,
        token: &SecretCode,
        client_id: &str,
    ) -> Result<(), GrantError> {
        let grant = self.find_by_code(token).await?;
        let known = [&grant.refresh.current, &grant.refresh.previous]
            .into_iter()
            .flatten()
            .any(|hash| token.matches(hash));
        if !known || grant.client_id != client_id {
            return Err(GrantError::Invalid("the refresh token is not this grant's"));
        }
        if self.has_ended(&grant) {
            return Ok(());
        }
        self.end(&grant).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::poll;

    use super::*;
    use crate::downstream::testing::{ALICE, HOME, World};
    use crate::identity::Door;

    const GRANT: Uuid = Uuid::from_u128(0x9);

    async fn grant(world: &World) -> Grant {
        let partition = UserPartition::of(HOME, ALICE);
        let grant = world.grants.find(&partition, GRANT).await;
        grant.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_caller_who_goes_away_leaves_no_grant_half_ended() {
        let world = World::new("{}").await;
        world.own_token(ALICE, GRANT).await;
        let seen = grant(&world).await;
        let mut ending = Box::pin(world.grants.end(&seen));
        assert!(poll!(&mut ending).is_pending());
        drop(ending);
        for _ in 0..200 {
            let grant = grant(&world).await;
            if grant.state == GrantState::Ended && world.grants.has_ended(&grant) {
                assert_eq!(grant.upstream.access, Vec::<u8>::new());
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the grant has not ended");
    }

    #[tokio::test]
    async fn a_sign_out_that_storage_did_not_take_can_be_repeated() {
        let world = World::new("{}").await;
        let token = world.own_token(ALICE, GRANT).await;
        let seen = grant(&world).await;
        for table in [TABLE, crate::identity::REVOCATIONS_TABLE] {
            world.tables.lose(table);
            world.grants.end(&seen).await.unwrap_err();
            world.tables.recover();
            let caller = world.authenticator.authenticate_token(Door::Api, &token);
            caller.await.unwrap();
        }
        let partition = UserPartition::of(HOME, ALICE);
        world.grants.end_by_id(&partition, GRANT).await.unwrap();
        let caller = world.authenticator.authenticate_token(Door::Api, &token);
        caller.await.unwrap_err();
        assert!(world.grants.has_ended(&grant(&world).await));
    }
}
