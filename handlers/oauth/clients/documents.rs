//! Clients of metadata documents, kept for a while.

use std::sync::Arc;

use entrada_ambient::Clock;
use moka::future::Cache;
use serde_json::Value;

use super::client::{Client, ClientAuthentication};
use super::document::{self, Described};
use super::error::ClientError;
use super::fetch::{Errand, Fetcher};
use super::keys::PublicKeys;
use super::redirect::RedirectRules;

/// Seconds that a document serves at least: nobody makes us fetch more
/// often.
const SHORTEST: i64 = 5 * 60;
/// Seconds that a document serves at most, whatever its server says, and
/// how long it may stand in while its server is away.
const LONGEST: i64 = 24 * 3600;
/// Seconds that it serves when its server says nothing.
const USUAL: i64 = 3600;
/// Seconds until the next try when its server is away.
const PAUSE: i64 = 60;
/// Seconds between fetches that somebody asks for by an unknown key.
const AGAIN: i64 = 30;
/// Clients kept in memory.
const MOST: u64 = 1000;

/// What is known of an id.
#[derive(Debug, Clone)]
struct Known {
    outcome: Result<Arc<Client>, ClientError>,
    fetched_at: i64,
    fresh_until: i64,
}

/// The clients that describe themselves.
#[derive(Debug)]
pub(super) struct Documents {
    fetcher: Fetcher,
    rules: RedirectRules,
    clock: Arc<dyn Clock>,
    known: Cache<String, Known>,
}

impl Documents {
    pub(super) fn new(fetcher: Fetcher, rules: RedirectRules, clock: Arc<dyn Clock>) -> Self {
        Self {
            fetcher,
            rules,
            clock,
            known: Cache::new(MOST),
        }
    }

    /// The client of this URL: from memory while its document is fresh, else
    /// by one fetch that everybody who asks meanwhile waits for. Failures
    /// are not kept, but a document whose server is away serves until it is
    /// a day old.
    pub(super) async fn find(
        &self,
        client_id: &str,
        errand: Errand,
    ) -> Result<Arc<Client>, ClientError> {
        let now = self.clock.unix();
        self.look(client_id, errand, |known| known.fresh_until <= now)
            .await
    }

    /// The client by a fetch, unless the last one was a moment ago: for its
    /// own request.
    pub(super) async fn find_again(&self, client_id: &str) -> Result<Arc<Client>, ClientError> {
        let now = self.clock.unix();
        let is_stale = |known: &Known| known.fetched_at + AGAIN <= now;
        self.look(client_id, Errand::Token, is_stale).await
    }

    async fn look(
        &self,
        client_id: &str,
        errand: Errand,
        is_stale: impl Fn(&Known) -> bool + Send + Sync,
    ) -> Result<Arc<Client>, ClientError> {
        let url = document::url(client_id)?;
        let before = self.known.get(client_id).await;
        let learning = async {
            let fetched = self.fetch(client_id, &url, errand).await;
            self.learn(client_id, fetched, before)
        };
        let entry = self
            .known
            .entry_by_ref(client_id)
            .or_insert_with_if(learning, |known| known.outcome.is_err() || is_stale(known))
            .await;
        entry.into_value().outcome
    }

    fn learn(
        &self,
        client_id: &str,
        fetched: Result<(Client, Option<i64>), ClientError>,
        before: Option<Known>,
    ) -> Known {
        let now = self.clock.unix();
        match fetched {
            Ok((client, lifetime)) => Known {
                outcome: Ok(Arc::new(client)),
                fetched_at: now,
                fresh_until: now + lifetime.unwrap_or(USUAL).clamp(SHORTEST, LONGEST),
            },
            Err(error) => {
                tracing::info!(
                    client_id,
                    error = crate::error::chain(&error),
                    "a client's metadata document cannot be used"
                );
                let away = matches!(error, ClientError::Unavailable { .. });
                let stands_in = |known: &Known| {
                    away && known.outcome.is_ok() && known.fetched_at + LONGEST > now
                };
                match before.filter(stands_in) {
                    Some(known) => Known {
                        fresh_until: now + PAUSE,
                        ..known
                    },
                    None => Known {
                        outcome: Err(error),
                        fetched_at: now,
                        fresh_until: now,
                    },
                }
            }
        }
    }

    /// The client and how many seconds it is good for.
    async fn fetch(
        &self,
        client_id: &str,
        url: &url::Url,
        errand: Errand,
    ) -> Result<(Client, Option<i64>), ClientError> {
        let fetched = self.fetcher.get(url, errand).await?;
        let Described {
            mut client,
            jwks_uri,
        } = document::read(client_id, &fetched.body, &self.rules)?;
        let Some(jwks_uri) = jwks_uri else {
            return Ok((client, fetched.lifetime));
        };
        let set = self.fetcher.get(&jwks_uri, errand).await?;
        let keys = serde_json::from_slice::<Value>(&set.body)
            .map_err(|_| ClientError::refused("its jwks_uri does not lead to JSON"))
            .and_then(|set| {
                PublicKeys::parse(&set).map_err(|error| {
                    ClientError::refused(format!(
                        "the keys at its jwks_uri cannot be used: {error}"
                    ))
                })
            })?;
        client.authentication = ClientAuthentication::PrivateKeyJwt { keys };
        let shorter = fetched.lifetime.into_iter().chain(set.lifetime).min();
        Ok((client, shorter))
    }
}
