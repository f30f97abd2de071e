//! Grants in storage: reading, and issuing tokens from them.

use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_entra::{EntraClient, EntraError, SubjectKind};
use entrada_tables::{ETag, Row, TableError, Tables};
use secrecy::SecretString;
use thiserror::Error;
use tokio::sync::{Mutex, Semaphore};
use uuid::Uuid;

use super::{Grant, GrantState, SecretCode, TABLE};
use crate::audit::{Audit, AuditError, Entry};
use crate::identity::{
    KeyRingError, KeyRings, NoKeyRing, OwnTokens, Place, Principal, Revocations, SealError,
    SealedColumn, UserPartition,
};

/// The longest that one of our access tokens lives, in seconds.
pub(super) const ACCESS_TOKEN_LIFETIME: i64 = 3600;

/// Why a grant does not give what was asked of it.
#[derive(Debug, Error)]
pub enum GrantError {
    /// The code or refresh token is unknown, used, expired, of another
    /// client, or its grant has ended. Which of them is for the log alone.
    #[error("invalid grant: {0}")]
    Invalid(&'static str),
    /// A door is asked for that the grant does not open.
    #[error("the grant is for another resource")]
    Audience,
    /// A scope is asked for that was not granted.
    #[error("the scope goes beyond the grant")]
    Scope,
    /// Entra wants the person to do something (sign in again, MFA,
    /// consent) before it goes on.
    #[error("Microsoft Entra asks for interaction")]
    Interaction,
    /// Entra does not answer, or not as it should.
    #[error("Microsoft Entra does not answer as it should")]
    Upstream(#[source] EntraError),
    /// Storage does not answer, or a row cannot be read.
    #[error("storage failed")]
    Storage(#[from] TableError),
    /// The key ring cannot do what is needed.
    #[error("the key ring failed")]
    Keys(#[from] KeyRingError),
    /// No key ring has been loaded.
    #[error(transparent)]
    NoKeys(#[from] NoKeyRing),
    /// A stored value cannot be decrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Others kept changing the grant at the same moment.
    #[error("the grant was changed by others too often at the same moment")]
    Contended,
}

/// Tokens for a client.
#[derive(Debug)]
pub struct IssuedTokens {
    /// Our access token.
    pub access_token: SecretString,
    /// When it expires, epoch seconds.
    pub expires_at: i64,
    /// Our refresh token.
    pub refresh_token: SecretString,
    /// The grant as it stands now.
    pub grant: Grant,
}

/// Entra's access token of a grant, for On-Behalf-Of.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// The token.
    pub token: SecretString,
    /// The version of the grant that it was found in: another one after a
    /// refresh or a stronger sign-in.
    pub version: Option<ETag>,
}

/// Keys and tokens that grants work with.
#[derive(Debug, Clone)]
pub struct Keys {
    /// The key ring in use.
    pub rings: Arc<KeyRings>,
    /// Issues our access tokens.
    pub own: Arc<OwnTokens>,
}

/// Grants in storage.
#[derive(Debug)]
pub struct Grants {
    pub(super) tables: Arc<dyn Tables>,
    pub(super) keys: Keys,
    pub(super) entra: Arc<EntraClient>,
    pub(super) revocations: Arc<Revocations>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    audit: Arc<Audit>,
    /// One refresh of a grant at a time in this process. A fixed number of
    /// locks, shared by hash: bounded, and a collision costs only a wait.
    refreshing: Vec<Mutex<()>>,
    /// Sweeps under way.
    sweeping: Arc<Semaphore>,
}

const LOCKS: usize = 64;
/// Sweeps that one process has under way at most, and rows that each deletes.
const SWEEPS: usize = 4;
const SWEPT: usize = 10;

impl Grants {
    /// Grants in `tables`.
    #[must_use]
    pub fn new(
        tables: Arc<dyn Tables>,
        keys: Keys,
        entra: Arc<EntraClient>,
        revocations: Arc<Revocations>,
        (clock, random): (Arc<dyn Clock>, Arc<dyn Random>),
        audit: Arc<Audit>,
    ) -> Self {
        Self {
            tables,
            keys,
            entra,
            revocations,
            clock,
            random,
            audit,
            refreshing: std::iter::repeat_with(Mutex::default).take(LOCKS).collect(),
            sweeping: Arc::new(Semaphore::new(SWEEPS)),
        }
    }

    /// The log that grants are entered into.
    #[must_use]
    pub fn audit(&self) -> &Arc<Audit> {
        &self.audit
    }

    /// Whether what is done now could be entered into the log.
    pub(super) async fn auditable(&self) -> Result<(), GrantError> {
        self.audit.ready().await.map_err(not_audited)
    }

    /// Enters what became of a grant, durable when this returns.
    pub(super) async fn enter(
        &self,
        grant: &Grant,
        method: &'static str,
        refused: Option<&'static str>,
    ) -> Result<(), GrantError> {
        let entry = entry(grant, method);
        let entry = match refused {
            Some(reason) => entry.refused(reason),
            None => entry,
        };
        self.audit.record(entry).await.map_err(not_audited)
    }

    /// Enters that a code or token was refused: by its grant, or, when it
    /// names none that there is, among the unknown.
    pub(super) async fn enter_refusal(
        &self,
        code: Option<&SecretCode>,
        method: &'static str,
        error: &GrantError,
    ) -> Result<(), GrantError> {
        let reason = match error {
            GrantError::Invalid(reason) => reason,
            GrantError::Audience => "another resource was asked for",
            GrantError::Scope => "the scope goes beyond the grant",
            GrantError::Interaction => "Microsoft Entra asks for interaction",
            _ => return Ok(()),
        };
        let grant = match code {
            Some(code) => self.find(code.partition(), code.grant_id()).await?,
            None => None,
        };
        if let Some(grant) = grant {
            self.enter(&grant, method, Some(reason)).await
        } else {
            self.audit.count(method, reason);
            Ok(())
        }
    }

    pub(super) fn lock_for(&self, grant_id: Uuid) -> Option<&Mutex<()>> {
        let slot = usize::from(grant_id.as_bytes().last().copied().unwrap_or_default()) % LOCKS;
        self.refreshing.get(slot)
    }

    /// A grant that has not expired; `None` when there is none.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn find(
        &self,
        partition: &UserPartition,
        grant_id: Uuid,
    ) -> Result<Option<Grant>, GrantError> {
        let row = self
            .tables
            .get(TABLE, partition.as_str(), &Grant::row_key(grant_id))
            .await?;
        row.filter(|row| !row.is_expired(self.clock.unix()))
            .map(|row| Grant::from_row(&row).map_err(GrantError::from))
            .transpose()
    }

    pub(super) async fn find_by_code(&self, code: &SecretCode) -> Result<Grant, GrantError> {
        self.find(code.partition(), code.grant_id())
            .await?
            .ok_or(GrantError::Invalid("there is no such grant"))
    }

    /// Whether the grant of a caller is still in use, read from storage now.
    /// Callers with an Entra token have none and pass.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn confirm(&self, principal: &Principal) -> Result<bool, GrantError> {
        let Some(grant_id) = principal.grant_id() else {
            return Ok(true);
        };
        let grant = self.find(&principal.partition(), grant_id).await?;
        Ok(grant.is_some_and(|grant| grant.state == GrantState::Active))
    }

    /// Our access token for a grant, with the roles of the Entra token that
    /// it holds and never beyond that token's expiry.
    pub(super) fn issue(
        &self,
        grant: Grant,
        refresh_token: SecretString,
    ) -> Result<IssuedTokens, GrantError> {
        let expires_at = (self.clock.unix() + ACCESS_TOKEN_LIFETIME).min(grant.upstream.expires_at);
        let access_token = self.keys.own.issue(crate::identity::TokenTerms {
            tenant_id: grant.tenant_id,
            object_id: grant.object_id,
            name: grant.name.clone(),
            email: grant.email.clone(),
            roles: grant.roles.clone(),
            client_id: grant.client_id.clone(),
            grant_id: grant.id,
            audience: grant.audience,
            scope: grant.scope.clone(),
            kind: SubjectKind::User,
            signed_in_at: grant.created_at,
            expires_at,
        })?;
        Ok(IssuedTokens {
            access_token,
            expires_at,
            refresh_token,
            grant,
        })
    }

    /// Entra's access token of the grant that a caller's own token names:
    /// the assertion of On-Behalf-Of calls.
    ///
    /// # Errors
    /// When the grant has ended or cannot be read.
    pub async fn assertion(
        &self,
        partition: &UserPartition,
        grant_id: Uuid,
    ) -> Result<Assertion, GrantError> {
        let grant = self
            .find(partition, grant_id)
            .await?
            .filter(|grant| grant.state == GrantState::Active)
            .ok_or(GrantError::Invalid("the grant has ended"))?;
        let row = Grant::row_key(grant.id);
        let place = place(partition, &row, SealedColumn::GRANT_ACCESS);
        let ring = self.keys.rings.current()?;
        Ok(Assertion {
            token: ring.open(&grant.upstream.access, place)?,
            version: grant.etag,
        })
    }

    /// Deletes a few rows of a person's partition whose time is over, behind
    /// the answer of a request that writes there. A few sweeps at a time: more
    /// are left to other requests, and failing is no harm.
    pub(super) fn tidy(&self, partition: &UserPartition) {
        let Ok(permit) = self.sweeping.clone().try_acquire_owned() else {
            return;
        };
        let (tables, partition) = (self.tables.clone(), partition.clone());
        let now = self.clock.unix();
        tokio::spawn(async move {
            let swept =
                entrada_tables::sweep(tables.as_ref(), TABLE, partition.as_str(), now, SWEPT);
            if let Err(error) = swept.await {
                tracing::debug!(
                    error = crate::error::chain(&error),
                    "expired rows were left"
                );
            }
            drop(permit);
        });
    }
}

/// An entry about a grant of the person and client that it is of.
pub(super) fn entry(grant: &Grant, method: &'static str) -> Entry {
    Entry::new(method)
        .by(grant.tenant_id, grant.object_id)
        .through(Some(&grant.client_id))
        .grant(grant.id)
}

/// What cannot be entered is not done; to callers it is storage that is away.
pub(super) fn not_audited(error: AuditError) -> GrantError {
    unavailable("the audit log cannot be written", Some(Box::new(error)))
}

/// What callers know as storage that is away.
pub(super) fn unavailable(
    reason: &'static str,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
) -> GrantError {
    GrantError::Storage(TableError::Unavailable {
        reason: reason.to_owned(),
        source,
    })
}

pub(super) fn place<'a>(
    partition: &'a UserPartition,
    row: &'a str,
    column: SealedColumn,
) -> Place<'a> {
    Place {
        column,
        partition: partition.as_str(),
        row,
    }
}

/// The row that remembers a refresh token which was used up or voided, so
/// that presenting it again is known as reuse.
pub(super) fn used_row(partition: &UserPartition, hash: &str, expires_at: i64) -> Row {
    Row::new(partition.as_str(), used_key(hash))
        .with("kind", "used")
        .with("expires_at", expires_at)
}

pub(super) fn used_key(hash: &str) -> String {
    format!("used-{hash}")
}
