//! Registered clients in storage.
//!
//! A client's id is random, and its first digit names one of 16 partitions.
//! A client that nobody has used yet has two rows there: its own and one
//! whose key begins with the time of the registration, so that the unused
//! ones are one query in order of age. When a partition holds too many, the
//! batch that adds one takes the oldest away. The first grant removes the
//! second row, and with it the client from all this.

use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_tables::{Condition, Operation, Query, Row, TableError, Tables};
use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::client::{Client, ClientAuthentication, ClientOrigin, GrantType};
use super::registration::{RegisteredMetadata, RegistrationResponse};
use crate::error::chain;
use crate::text::hash;

/// The table of registered clients.
pub const TABLE: &str = "entradaclients";

/// What ids of registered clients begin with.
const PREFIX: &str = "er-";
/// What keys of rows about unused clients begin with.
const UNUSED: &str = "unused-";
/// Seconds that a client lives unused.
const UNUSED_LIFE: i64 = 24 * 3600;
/// Seconds that a client lives from its last use.
const GRANTED_LIFE: i64 = 90 * 24 * 3600;
/// Seconds between two notes of a use. A client lives so much longer.
const NOTE_EVERY: i64 = 24 * 3600;
/// Unused clients of one partition at most; 4,000 in all.
const MOST_UNUSED: usize = 250;
/// Unused clients that one registration takes away at most: expired ones,
/// and what several registrations at once left above the number.
const MOST_VICTIMS: usize = 20;
/// Attempts when others change the same rows.
const ATTEMPTS: usize = 5;
/// Ids in the memory of which clients were noted today.
const NOTED: u64 = 10_000;

/// The clients that registered themselves.
#[derive(Debug)]
pub(super) struct Registrations {
    tables: Arc<dyn Tables>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// When a use was last noted, epoch seconds.
    noted: Cache<Uuid, i64>,
    most_unused: usize,
}

/// The number in an id of ours; `None` when it is none.
pub(super) fn parse_id(client_id: &str) -> Option<Uuid> {
    let digits = client_id.strip_prefix(PREFIX)?;
    let id = Uuid::try_parse(digits).ok()?;
    // One spelling alone: an id is compared as text elsewhere.
    (client_id == text(id)).then_some(id)
}

fn text(id: Uuid) -> String {
    format!("{PREFIX}{}", id.simple())
}

fn partition(id: Uuid) -> String {
    format!("{:x}", id.as_u128() >> 124)
}

fn row_key(id: Uuid) -> String {
    format!("client-{}", id.simple())
}

fn unused_key(created_at: i64, id: Uuid) -> String {
    format!("{UNUSED}{created_at:012}-{}", id.simple())
}

/// The client that a row about an unused one is about.
fn id_of_unused(key: &str) -> Option<Uuid> {
    Uuid::try_parse(key.strip_prefix(UNUSED)?.split_once('-')?.1).ok()
}

impl Registrations {
    pub(super) fn new(
        tables: Arc<dyn Tables>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            tables,
            clock,
            random,
            noted: Cache::new(NOTED),
            most_unused: MOST_UNUSED,
        }
    }

    /// The same with room for fewer unused clients in a partition.
    #[cfg(test)]
    pub(super) fn with_room_for(self, most_unused: usize) -> Self {
        Self {
            most_unused,
            ..self
        }
    }

    /// Stores a new client: one query, one batch.
    ///
    /// # Errors
    /// When storage fails.
    pub(super) async fn add(
        &self,
        metadata: RegisteredMetadata,
    ) -> Result<RegistrationResponse, TableError> {
        let secret = metadata
            .has_secret()
            .then(|| SecretString::from(self.random.secret()));
        let mut outcome = Err(TableError::PreconditionFailed);
        for _ in 0..ATTEMPTS {
            let (id, now) = (self.random.uuid_v4(), self.clock.unix());
            let mut operations = insertions(id, now, &metadata, secret.as_ref())?;
            operations.extend(self.evictions(&partition(id), now).await?);
            outcome = self.tables.batch(TABLE, &operations).await;
            match &outcome {
                Ok(_) => {
                    return Ok(RegistrationResponse {
                        client_id: text(id),
                        client_id_issued_at: now,
                        client_secret_expires_at: secret.is_some().then_some(0),
                        client_secret: secret,
                        metadata,
                    });
                }
                // Somebody else evicted the same client, or it was granted
                // something just now.
                Err(
                    TableError::PreconditionFailed
                    | TableError::NotFound
                    | TableError::AlreadyExists,
                ) => {}
                Err(_) => break,
            }
        }
        outcome.and(Err(TableError::PreconditionFailed))
    }

    /// What has to go before one more unused client fits: the expired, and
    /// the oldest.
    pub(super) async fn evictions(
        &self,
        partition: &str,
        now: i64,
    ) -> Result<Vec<Operation>, TableError> {
        let mut query = Query::partition(partition)
            .prefix(UNUSED)
            .select([entrada_tables::EXPIRES_AT]);
        query.limit = u32::try_from(self.most_unused + MOST_VICTIMS).ok();
        let rows = self.tables.query(TABLE, &query).await?.rows;
        let expired = rows.iter().take_while(|row| row.is_expired(now)).count();
        let live = rows.len() - expired;
        let surplus = (live + 1).saturating_sub(self.most_unused);
        let victims = rows.iter().take((expired + surplus).min(MOST_VICTIMS));
        Ok(victims.filter_map(removal).flatten().collect())
    }

    /// The registered client of this id; `None` when there is none (any
    /// more).
    ///
    /// # Errors
    /// When storage fails or its row cannot be understood.
    pub(super) async fn find(&self, id: Uuid) -> Result<Option<Client>, TableError> {
        let Some(row) = self.live_row(id).await? else {
            return Ok(None);
        };
        let metadata = read_metadata(&row)?;
        let authentication = match row.optional_text("secret_sha256")? {
            Some(sha256) => ClientAuthentication::Secret {
                sha256: sha256.to_owned(),
            },
            None if metadata.has_secret() => {
                return Err(TableError::Corrupt {
                    reason: "a client with a secret lacks its hash".to_owned(),
                });
            }
            None => ClientAuthentication::None,
        };
        let grant_types = metadata.grant_types.iter();
        Ok(Some(Client {
            id: text(id),
            name: metadata.client_name,
            uri: metadata.client_uri,
            origin: ClientOrigin::Registered,
            redirect_uris: metadata.redirect_uris,
            authentication,
            grant_types: grant_types
                .filter_map(|name| GrantType::parse(name))
                .collect(),
            scope: Some(metadata.scope),
            daemon: None,
        }))
    }

    async fn live_row(&self, id: Uuid) -> Result<Option<Row>, TableError> {
        let (partition, key) = (partition(id), row_key(id));
        let Some(row) = self.tables.get(TABLE, &partition, &key).await? else {
            return Ok(None);
        };
        if !row.is_expired(self.clock.unix()) {
            return Ok(Some(row));
        }
        if let Some(etag) = row.etag {
            let condition = Condition::Matches(etag);
            let gone = self
                .tables
                .delete(TABLE, &partition, &key, &condition)
                .await;
            if let Err(error) = gone {
                tracing::debug!(error = chain(&error), "an expired client was left");
            }
        }
        Ok(None)
    }

    /// Notes that a client was granted something or used it.
    ///
    /// # Errors
    /// [`TableError::NotFound`] when it is gone, or that storage failed.
    pub(super) async fn mark_granted(&self, id: Uuid) -> Result<(), TableError> {
        let now = self.clock.unix();
        let is_recent = |noted: i64| noted + NOTE_EVERY > now;
        if self.noted.get(&id).is_some_and(is_recent) {
            return Ok(());
        }
        for _ in 0..ATTEMPTS {
            let row = self.live_row(id).await?.ok_or(TableError::NotFound)?;
            let granted = row.boolean("granted")?;
            if let Some(noted) = row.optional_int64("last_used_at")?.filter(|_| granted)
                && is_recent(noted)
            {
                self.noted.insert(id, noted);
                return Ok(());
            }
            match self.tables.batch(TABLE, &note(id, &row, now)?).await {
                Ok(_) => {
                    self.noted.insert(id, now);
                    return Ok(());
                }
                Err(TableError::PreconditionFailed) => {}
                Err(error) => return Err(error),
            }
        }
        Err(TableError::PreconditionFailed)
    }
}

fn insertions(
    id: Uuid,
    now: i64,
    metadata: &RegisteredMetadata,
    secret: Option<&SecretString>,
) -> Result<Vec<Operation>, TableError> {
    let expires_at = now + UNUSED_LIFE;
    let json = serde_json::to_string(metadata).map_err(|error| TableError::Invalid {
        reason: format!("client metadata cannot be written: {error}"),
    })?;
    let client = Row::new(partition(id), row_key(id))
        .with_long_text("metadata", &json)
        .with_optional("secret_sha256", secret.map(|s| hash(s.expose_secret())))
        .with("granted", false)
        .with("created_at", now)
        .with("expires_at", expires_at);
    let unused = Row::new(partition(id), unused_key(now, id)).with("expires_at", expires_at);
    Ok(vec![Operation::Insert(client), Operation::Insert(unused)])
}

/// Takes an unused client away with the row that says so, if it still says
/// so: a grant that comes at the same moment wins, or fails as a whole.
fn removal(unused: &Row) -> Option<[Operation; 2]> {
    let id = id_of_unused(&unused.row)?;
    Some([
        Operation::Delete {
            partition: unused.partition.clone(),
            row: unused.row.clone(),
            condition: Condition::Matches(unused.etag.clone()?),
        },
        Operation::Delete {
            partition: unused.partition.clone(),
            row: row_key(id),
            condition: Condition::None,
        },
    ])
}

/// Writes down a use of the client of `row` at `now`.
fn note(id: Uuid, row: &Row, now: i64) -> Result<Vec<Operation>, TableError> {
    let condition = row
        .etag
        .clone()
        .map_or(Condition::Exists, Condition::Matches);
    let used = Row::new(partition(id), row_key(id))
        .with("granted", true)
        .with("last_used_at", now)
        .with("expires_at", now + GRANTED_LIFE + NOTE_EVERY);
    let mut operations = vec![Operation::Merge(used, condition)];
    if !row.boolean("granted")? {
        operations.push(Operation::Delete {
            partition: partition(id),
            row: unused_key(row.int64("created_at")?, id),
            condition: Condition::None,
        });
    }
    Ok(operations)
}

fn read_metadata(row: &Row) -> Result<RegisteredMetadata, TableError> {
    let corrupt = || TableError::Corrupt {
        reason: "a client's metadata cannot be read".to_owned(),
    };
    let json = row.long_text("metadata")?.ok_or_else(corrupt)?;
    serde_json::from_str(&json).map_err(|_| corrupt())
}
