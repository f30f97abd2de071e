//! On-Behalf-Of tokens: from memory, from storage, or from Entra, in that
//! order, and one request for all that ask at the same moment.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::{Clock, Random};
use entrada_entra::{EntraClient, OnBehalfOf, SubjectKind};
use entrada_tables::{ETag, Tables};
use moka::future::Cache;
use secrecy::{ExposeSecret, SecretString};

use super::DownstreamError;
use super::key::CacheKey;
use super::store::{Kept, TokenStore};
use crate::grants::Grants;
use crate::identity::{KeyRings, Principal, TokenSource};

/// Bytes of tokens that are kept in memory.
const MEMORY: u64 = 8 * 1024 * 1024;
/// A token with less than this left, in seconds, is not handed out of the
/// cache: it might end under way.
const MARGIN: i64 = 60;
/// How long Entra's refusal stands before it is asked again.
const FAILURE_STANDS: Duration = Duration::from_secs(10);

/// What downstream tokens are made from.
#[derive(Debug, Clone)]
pub struct DownstreamSources {
    /// Where they are kept for other instances.
    pub tables: Arc<dyn Tables>,
    /// What they are encrypted by.
    pub rings: Arc<KeyRings>,
    /// Who issues them.
    pub entra: Arc<EntraClient>,
    /// For Entra's token behind our own tokens.
    pub grants: Arc<Grants>,
}

/// What the last request came to.
#[derive(Debug, Clone)]
enum Outcome {
    Token(Kept),
    Failure {
        error: DownstreamError,
        /// Monotonic time until which it is not asked again.
        stands_until: Duration,
        /// The version of the grant that it was about.
        version: Option<ETag>,
    },
}

/// Tokens of downstream services on behalf of callers (Microsoft identity
/// platform, "OAuth 2.0 On-Behalf-Of flow"). Never in the app's own name.
///
/// A caller that was revoked does not get here: the authenticator refuses it
/// on every request. What is stored goes when a grant ends, or ends by
/// itself.
pub struct Downstream {
    entra: Arc<EntraClient>,
    grants: Arc<Grants>,
    store: TokenStore,
    clock: Arc<dyn Clock>,
    memory: Cache<CacheKey, Outcome>,
}

impl fmt::Debug for Downstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Downstream")
            .field("kept", &self.memory.entry_count())
            .finish_non_exhaustive()
    }
}

impl Downstream {
    /// Tokens from these sources.
    #[must_use]
    pub fn new(sources: DownstreamSources, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            entra: sources.entra,
            grants: sources.grants,
            store: TokenStore {
                tables: sources.tables,
                rings: sources.rings,
                random,
            },
            clock,
            memory: Cache::builder()
                .max_capacity(MEMORY)
                .weigher(|_, outcome| weight(outcome))
                .build(),
        }
    }

    /// A token of the caller for `scope` (of one resource, for instance
    /// `https://ai.azure.com/.default`) that meets `claims`, the decoded
    /// claims challenge (JSON) of the downstream service, if it made one.
    ///
    /// # Errors
    /// [`DownstreamError`]. Entra's refusal stands for ten seconds.
    pub async fn token(
        &self,
        caller: &Principal,
        scope: &str,
        claims: Option<&str>,
    ) -> Result<SecretString, DownstreamError> {
        if caller.kind() == SubjectKind::Application {
            return Err(DownstreamError::ApplicationCaller);
        }
        let key = CacheKey::new(caller, scope, claims);
        self.reconsider(caller, key).await;
        let entry = self
            .memory
            .entry(key)
            .or_insert_with_if(self.fetch(caller, scope, claims, key), |outcome| {
                !self.stands(outcome)
            })
            .await;
        match entry.into_value() {
            Outcome::Token(kept) => Ok(kept.token),
            Outcome::Failure { error, .. } => Err(error),
        }
    }

    /// Forgets a refusal that a person could mend, once the person's grant is
    /// another than the one that was refused: who comes back from a step-up,
    /// on whichever instance, is not told to step up again.
    async fn reconsider(&self, caller: &Principal, key: CacheKey) {
        let Some(Outcome::Failure { error, version, .. }) = self.memory.get(&key).await else {
            return;
        };
        let (Some(grant_id), true) = (caller.grant_id(), error.is_the_persons()) else {
            return;
        };
        let now = self.grants.assertion(&caller.partition(), grant_id).await;
        if now.is_ok_and(|assertion| assertion.version != version) {
            self.memory.invalidate(&key).await;
        }
    }

    fn stands(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Token(kept) => self.lasts(kept),
            Outcome::Failure { stands_until, .. } => self.clock.monotonic() < *stands_until,
        }
    }

    fn lasts(&self, kept: &Kept) -> bool {
        kept.expires_at - self.clock.unix() >= MARGIN
    }

    async fn fetch(
        &self,
        caller: &Principal,
        scope: &str,
        claims: Option<&str>,
        key: CacheKey,
    ) -> Outcome {
        let stored = self.store.load(&caller.partition(), key).await;
        if let Some(kept) = stored.filter(|kept| self.lasts(kept)) {
            return Outcome::Token(kept);
        }
        let mut version = None;
        match self.ask(caller, scope, claims, &mut version).await {
            Ok(kept) => {
                if self.lasts(&kept) {
                    let now = self.clock.unix();
                    self.store.save(caller, key, &kept, now).await;
                }
                Outcome::Token(kept)
            }
            Err(error) => {
                let now = self.clock.monotonic();
                let stands_until = if error.is_entras() {
                    now + FAILURE_STANDS
                } else {
                    now
                };
                Outcome::Failure {
                    error,
                    stands_until,
                    version,
                }
            }
        }
    }

    async fn ask(
        &self,
        caller: &Principal,
        scope: &str,
        claims: Option<&str>,
        version: &mut Option<ETag>,
    ) -> Result<Kept, DownstreamError> {
        let assertion = match caller.source() {
            TokenSource::Entra { assertion } => assertion.clone(),
            TokenSource::Own { grant_id } => {
                let partition = caller.partition();
                let held = self.grants.assertion(&partition, *grant_id).await?;
                *version = held.version;
                held.token
            }
        };
        let token = self
            .entra
            .on_behalf_of(&OnBehalfOf {
                tenant: caller.tenant_id(),
                assertion,
                scope: scope.to_owned(),
                claims: claims.map(str::to_owned),
            })
            .await?;
        Ok(Kept {
            token: token.access_token,
            expires_at: token.expires_at,
        })
    }
}

fn weight(outcome: &Outcome) -> u32 {
    let own = 256;
    let token = match outcome {
        Outcome::Token(kept) => kept.token.expose_secret().len(),
        Outcome::Failure { .. } => 512,
    };
    u32::try_from(token).unwrap_or(u32::MAX).saturating_add(own)
}
