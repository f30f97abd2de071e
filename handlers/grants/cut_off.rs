//! Cutting off: everything of a person, a client or a tenant, at once.

use futures::future::try_join_all;
use uuid::Uuid;

use super::grant::LONGEST;
use super::list::every;
use super::store::unavailable;
use super::{Grant, GrantError, GrantState, Grants};
use crate::identity::{Revocation, RevocationCheck, Revoked, UserPartition};

/// How long a block stands unless it is lifted, in seconds: ten years.
const BLOCKED: i64 = 10 * 365 * 24 * 3600;

/// Grants that are ended at the same moment.
const TOGETHER: usize = 8;

/// Whom to cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CutOff {
    /// A person, by tenant and object id.
    User {
        /// The tenant.
        tenant_id: Uuid,
        /// The object id.
        object_id: Uuid,
    },
    /// A client, by its id: everybody's sign-ins with it.
    Client(String),
    /// Everybody of a tenant.
    Tenant(Uuid),
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Severed {
    /// What was signed in until then is refused, epoch seconds.
    pub not_before: i64,
    /// Grants that were ended one by one, with the secrets in them. Those of
    /// a client or a tenant lie with the persons they are of and end when
    /// they are next used.
    pub grants_ended: Option<usize>,
}

impl Grants {
    /// Refuses everything that was signed in until now, and with `block`
    /// whatever signs in later too, until this is called again without.
    /// Durable when this returns, known to every instance within seconds.
    ///
    /// # Errors
    /// When storage does not take it; doing it again finishes the work.
    pub async fn cut_off(&self, whom: &CutOff, block: bool) -> Result<Severed, GrantError> {
        let now = self.clock.unix();
        let (subject, partition) = match whom {
            CutOff::User {
                tenant_id,
                object_id,
            } => {
                let partition = UserPartition::of(*tenant_id, *object_id);
                (Revoked::User(partition.clone()), Some(partition))
            }
            CutOff::Client(id) => (Revoked::Client(id.clone()), None),
            CutOff::Tenant(id) => (Revoked::Tenant(*id), None),
        };
        let revocation = Revocation {
            not_before: now,
            blocked: block,
        };
        // As long as a grant from before could still be refreshed.
        let until = now + if block { BLOCKED } else { LONGEST + 24 * 3600 };
        self.revocations.revoke(&subject, revocation, until).await?;
        let grants_ended = match partition {
            Some(partition) => Some(self.end_all(&partition).await?),
            None => None,
        };
        Ok(Severed {
            not_before: now,
            grants_ended,
        })
    }

    /// Ends every grant of a person: how many there were.
    async fn end_all(&self, partition: &UserPartition) -> Result<usize, GrantError> {
        let mut ended = 0;
        let mut next = Some(every(partition));
        while let Some(query) = next {
            let (mut grants, after) = self.page(&query).await?;
            grants.retain(|grant| grant.state != GrantState::Ended);
            for some in grants.chunks(TOGETHER) {
                try_join_all(some.iter().map(|grant| self.end(grant))).await?;
            }
            ended += grants.len();
            next = after;
        }
        Ok(ended)
    }

    /// What the revocation list says of a grant: whether its person, client or
    /// tenant was cut off since it began.
    pub(super) fn cut_off_since(&self, grant: &Grant) -> RevocationCheck {
        let subjects = [
            Revoked::Grant(grant.id),
            Revoked::User(grant.partition()),
            Revoked::Client(grant.client_id.clone()),
            Revoked::Tenant(grant.tenant_id),
        ];
        self.revocations.check_since(&subjects, grant.created_at)
    }

    /// Ends a grant that is used although it was cut off.
    ///
    /// # Errors
    /// [`GrantError::Invalid`] when it was; when nobody can tell, or storage
    /// fails.
    pub(super) async fn still_stands(&self, grant: &Grant) -> Result<(), GrantError> {
        if !self.is_cut_off(grant)? {
            return Ok(());
        }
        self.end(grant).await?;
        Err(GrantError::Invalid("the sign-in was revoked"))
    }

    /// Whether somebody cut a grant off since it began.
    ///
    /// # Errors
    /// When nobody can tell.
    pub(super) fn is_cut_off(&self, grant: &Grant) -> Result<bool, GrantError> {
        match self.cut_off_since(grant) {
            RevocationCheck::Clear => Ok(false),
            RevocationCheck::Revoked => Ok(true),
            RevocationCheck::Unknown => Err(unavailable(
                "the revocation list is older than a minute",
                None,
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::Clock as _;
    use entrada_tables::{Condition, Tables as _};

    use super::*;
    use crate::downstream::testing::{ALICE, HOME, World};
    use crate::grants::TABLE;

    const GRANT: Uuid = Uuid::from_u128(0x9);

    /// One grant that is used, and thousands that nobody has deleted yet.
    async fn long_lived() -> World {
        let world = World::new("{}").await;
        world.own_token(ALICE, GRANT).await;
        let partition = UserPartition::of(HOME, ALICE);
        let key = Grant::row_key(GRANT);
        let row = world.tables.get(TABLE, partition.as_str(), &key).await;
        let row = row.unwrap().unwrap();
        for number in 0..5_001 {
            let mut expired = row.clone().with("expires_at", world.clock.unix() - 1);
            expired.row = Grant::row_key(Uuid::from_u128(0x1_0000 + number));
            let kept = world.tables.replace(TABLE, &expired, &Condition::None);
            kept.await.unwrap();
        }
        world
    }

    #[tokio::test]
    async fn thousands_of_grants_that_have_expired_hinder_nobody() {
        let world = long_lived().await;
        let partition = UserPartition::of(HOME, ALICE);
        let listed = world.grants.list(&partition).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|grant| grant.id).collect();
        assert_eq!(listed, [GRANT]);
        let alice = CutOff::User {
            tenant_id: HOME,
            object_id: ALICE,
        };
        let severed = world.grants.cut_off(&alice, false).await.unwrap();
        assert_eq!(severed.grants_ended, Some(1));
        assert!(world.grants.list(&partition).await.unwrap().is_empty());
    }
}
