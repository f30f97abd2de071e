//! Rotating refresh tokens: single use with a grace for lost answers, and
//! reuse that ends the family (OAuth 2.1 section 4.3.1).

use std::sync::Arc;

use entrada_entra::{AccessToken, EntraError, TokenSet};
use entrada_tables::{Condition, Operation, TableError};
use secrecy::SecretString;

use super::grant::LONGEST;
use super::store::{place, used_key, used_row};
use super::{Grant, GrantError, GrantState, Grants, IssuedTokens, SecretCode, SecretKind, TABLE};
use crate::identity::{Door, SealedColumn, open_as_holder, seal_for_holder};

/// Seconds within which the previous token gets the same successor again.
const GRACE: i64 = 60;
/// Seconds for which an Entra token is young enough to go on with.
const YOUNG: i64 = 300;

/// What a refresh is called in the audit log.
const REFRESHED: &str = "grant.refreshed";

/// What a client asks for with a refresh token.
#[derive(Debug)]
pub struct Refresh<'a> {
    /// What the token is.
    pub kind: SecretKind,
    /// The token.
    pub token: &'a SecretString,
    /// The client.
    pub client_id: &'a str,
    /// The door that the client names, if it does (RFC 8707 section 2.2).
    pub door: Option<Door>,
    /// Scopes, by the names that they were granted by, if the client names
    /// any (RFC 6749 section 6).
    pub scope: Option<&'a str>,
}

impl Refresh<'_> {
    fn exceeds(&self, grant: &Grant) -> bool {
        self.scope
            .unwrap_or_default()
            .split_whitespace()
            .any(|asked| {
                [&grant.scope_asked, &grant.scope]
                    .iter()
                    .all(|granted| granted.split(' ').all(|name| name != asked))
            })
    }
}

/// What a presented token is to its grant.
enum Standing {
    /// The current one.
    Current,
    /// The one before, and its successor has not been presented.
    Previous,
    /// Neither: used up, voided or never ours.
    Other,
}

impl Grants {
    /// Gives new tokens for a refresh token of `client_id`.
    ///
    /// # Errors
    /// [`GrantError::Invalid`] with the reason for the log;
    /// [`GrantError::Audience`] and [`GrantError::Scope`] when more is asked
    /// for than was granted, and then the token stays as it was;
    /// [`GrantError::Interaction`] when Entra wants the person;
    /// [`GrantError::Upstream`] while Entra does not answer.
    pub async fn refresh(&self, refresh: &Refresh<'_>) -> Result<IssuedTokens, GrantError> {
        self.auditable().await?;
        let refreshed = self.refresh_grant(refresh).await;
        match &refreshed {
            Ok(tokens) => self.enter(&tokens.grant, REFRESHED, None).await?,
            Err(error) => {
                let token = SecretCode::parse(refresh.kind, refresh.token);
                self.enter_refusal(token.as_ref(), REFRESHED, error).await?;
            }
        }
        refreshed
    }

    async fn refresh_grant(&self, refresh: &Refresh<'_>) -> Result<IssuedTokens, GrantError> {
        let client_id = refresh.client_id;
        let token = SecretCode::parse(refresh.kind, refresh.token)
            .ok_or(GrantError::Invalid("the refresh token is malformed"))?;
        let _alone = match self.lock_for(token.grant_id()) {
            Some(lock) => Some(lock.lock().await),
            None => None,
        };
        for _ in 0..5 {
            let grant = self.find_by_code(&token).await?;
            if grant.state != GrantState::Active {
                return Err(GrantError::Invalid("the grant is not in use"));
            }
            self.still_stands(&grant).await?;
            let attempt = match standing(&grant, &token) {
                Standing::Other => return Err(self.refuse_other(&grant, &token).await?),
                _ if grant.client_id != client_id => {
                    return Err(GrantError::Invalid(
                        "the token was issued to another client",
                    ));
                }
                _ if refresh.door.is_some_and(|door| !grant.audience.opens(door)) => {
                    return Err(GrantError::Audience);
                }
                _ if refresh.exceeds(&grant) => return Err(GrantError::Scope),
                Standing::Previous if self.clock.unix() - grant.refresh.rotated_at <= GRACE => {
                    return self.repeat(grant, &token);
                }
                standing => self.rotate(grant, &token, &standing).await,
            };
            match attempt {
                Err(GrantError::Storage(TableError::PreconditionFailed)) => {}
                other => return other,
            }
        }
        Err(GrantError::Contended)
    }

    /// A token that is not of the last two: reuse if it ever was one of the
    /// family, and then the family ends.
    async fn refuse_other(
        &self,
        grant: &Grant,
        token: &SecretCode,
    ) -> Result<GrantError, GrantError> {
        let key = used_key(&token.hash());
        let used = self
            .tables
            .get(TABLE, token.partition().as_str(), &key)
            .await?;
        if used.is_none() {
            return Ok(GrantError::Invalid("the refresh token is unknown"));
        }
        tracing::warn!(grant = %grant.id, "a used refresh token was presented again: the grant is ended");
        self.end(grant).await?;
        Ok(GrantError::Invalid("the refresh token was used already"))
    }

    /// The answer that was lost, once more: the same successor.
    fn repeat(&self, mut grant: Grant, token: &SecretCode) -> Result<IssuedTokens, GrantError> {
        let partition = token.partition();
        let row = Grant::row_key(grant.id);
        let sealed = grant.refresh.successor.take().ok_or(GrantError::Invalid(
            "the refresh token's successor is not kept any more",
        ))?;
        let successor = open_as_holder(
            &sealed,
            token.text(),
            place(partition, &row, SealedColumn::REFRESH_SUCCESSOR),
        )?;
        self.issue(grant, successor)
    }

    async fn rotate(
        &self,
        mut grant: Grant,
        token: &SecretCode,
        standing: &Standing,
    ) -> Result<IssuedTokens, GrantError> {
        let now = self.clock.unix();
        if now - grant.upstream.obtained_at > YOUNG {
            let (tokens, access) = self.refresh_upstream(&grant).await?;
            self.hold(&mut grant, &tokens)?;
            grant.roles.clone_from(&access.roles);
            grant.name.clone_from(&access.name);
            grant.email.clone_from(&access.email);
        }
        let successor = SecretCode::new(
            token.kind(),
            token.partition(),
            grant.id,
            self.random.as_ref(),
        );
        // What leaves the last two is remembered as used: the one before a
        // presented current token, or a successor that nobody presented.
        let retired = match standing {
            Standing::Current => grant.refresh.previous.replace(token.hash()),
            Standing::Previous | Standing::Other => grant.refresh.current.take(),
        };
        let row = Grant::row_key(grant.id);
        grant.refresh.current = Some(successor.hash());
        grant.refresh.rotated_at = now;
        grant.refresh.successor = Some(seal_for_holder(
            successor.text(),
            token.text(),
            place(token.partition(), &row, SealedColumn::REFRESH_SUCCESSOR),
            self.random.as_ref(),
        )?);
        grant.last_used_at = now;
        let mut operations = vec![Operation::Replace(grant.to_row(), grant.unchanged())];
        if let Some(hash) = retired {
            // Idle or not, the grant ends by then.
            let until = grant.created_at + LONGEST;
            operations.push(Operation::Replace(
                used_row(token.partition(), &hash, until),
                Condition::None,
            ));
        }
        self.tables.batch(TABLE, &operations).await?;
        self.tidy(token.partition());
        self.issue(grant, successor.text().clone())
    }

    /// Redeems Entra's refresh token; what Entra says decides about the
    /// grant.
    async fn refresh_upstream(
        &self,
        grant: &Grant,
    ) -> Result<(TokenSet, Arc<AccessToken>), GrantError> {
        let partition = grant.partition();
        let row = Grant::row_key(grant.id);
        let refresh = self.keys.rings.current()?.open(
            &grant.upstream.refresh,
            place(&partition, &row, SealedColumn::GRANT_REFRESH),
        )?;
        let error = match self.entra.refresh(grant.tenant_id, &refresh, None).await {
            Ok((_, access)) if access.object_id != grant.object_id => {
                return Err(GrantError::Upstream(EntraError::SubjectMismatch));
            }
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if error.is_unavailable() {
            return Err(GrantError::Upstream(error));
        }
        match error {
            EntraError::InteractionRequired { claims, .. } => {
                if let Some(claims) = claims {
                    self.keep_claims(grant, &claims).await?;
                }
                Err(GrantError::Interaction)
            }
            EntraError::ConsentRequired { .. } => Err(GrantError::Interaction),
            EntraError::InvalidGrant { .. } => {
                tracing::info!(
                    grant = %grant.id,
                    error = crate::error::chain(&error),
                    "Microsoft Entra ended the sign-in, and so the grant ends"
                );
                self.end(grant).await?;
                Err(GrantError::Invalid("Microsoft Entra ended the sign-in"))
            }
            // A fault of the registration or of an answer is no reason to
            // sign people out.
            other => Err(GrantError::Upstream(other)),
        }
    }
}

fn standing(grant: &Grant, token: &SecretCode) -> Standing {
    let is = |stored: &Option<String>| stored.as_ref().is_some_and(|hash| token.matches(hash));
    if is(&grant.refresh.current) {
        Standing::Current
    } else if is(&grant.refresh.previous) {
        Standing::Previous
    } else {
        Standing::Other
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::SystemRandom;
    use entrada_tables::Tables as _;
    use uuid::Uuid;

    use super::*;
    use crate::downstream::testing::{ALICE, HOME, World};
    use crate::identity::UserPartition;

    #[tokio::test]
    async fn a_used_token_is_known_as_such_for_as_long_as_its_grant_can_last() {
        const GRANT: Uuid = Uuid::from_u128(0x9);
        const KIND: SecretKind = SecretKind::RefreshToken;
        let world = World::new("{}").await;
        world.own_token(ALICE, GRANT).await;
        let partition = UserPartition::of(HOME, ALICE);
        let mut grant = world.grants.find(&partition, GRANT).await;
        let grant = grant.as_mut().unwrap().as_mut().unwrap();
        let first = SecretCode::new(KIND, &partition, GRANT, &SystemRandom);
        grant.refresh.current = Some(first.hash());
        let row = grant.to_row();
        let stored = world.tables.replace(TABLE, &row, &Condition::None);
        stored.await.unwrap();
        let mut token = first.text().clone();
        for _ in 0..2 {
            let refresh = Refresh {
                kind: KIND,
                token: &token,
                client_id: "entrada",
                door: None,
                scope: None,
            };
            token = world.grants.refresh(&refresh).await.unwrap().refresh_token;
        }
        let key = used_key(&first.hash());
        let used = world.tables.get(TABLE, partition.as_str(), &key);
        let used = used.await.unwrap().unwrap();
        let until = used.int64("expires_at").unwrap();
        assert_eq!(until, grant.created_at + LONGEST);
    }
}
