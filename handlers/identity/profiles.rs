//! Profiles: one row for each person who signed in or called.

use std::sync::Arc;

use entrada_ambient::{Clock, Random};
use entrada_tables::{Condition, Row, TableError, Tables};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::UserPartition;

/// The table of profiles.
pub const TABLE: &str = "entradaprofiles";
const ROW: &str = "profile";

/// Profiles to be written that may wait; beyond it they are written at the
/// person's next token.
const QUEUE: usize = 1_000;

/// A person's profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Profile {
    /// Ours, for front ends that keep people in a database.
    pub id: Uuid,
    /// Entra's object id.
    pub azure_id: Uuid,
    /// Entra's tenant id.
    pub tenant_id: Uuid,
    /// For display.
    pub name: Option<String>,
    /// For display.
    pub email: Option<String>,
    /// First seen.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: OffsetDateTime,
    /// Signed in last.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub last_login: OffsetDateTime,
}

/// Who was seen.
#[derive(Debug, Clone)]
pub struct Sighting {
    /// Tenant id.
    pub tenant_id: Uuid,
    /// Object id.
    pub object_id: Uuid,
    /// For display.
    pub name: Option<String>,
    /// For display.
    pub email: Option<String>,
}

/// Profiles in storage.
#[derive(Debug)]
pub struct Profiles {
    tables: Arc<dyn Tables>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    queue: mpsc::Sender<Sighting>,
}

impl Profiles {
    /// Profiles in `tables`, and the queue that [`Profiles::keep_writing`]
    /// works off.
    #[must_use]
    pub fn new(
        tables: Arc<dyn Tables>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> (Self, mpsc::Receiver<Sighting>) {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let profiles = Self {
            tables,
            clock,
            random,
            queue,
        };
        (profiles, receiver)
    }

    /// The profile of a person; `None` when there is none yet.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn find(&self, partition: &UserPartition) -> Result<Option<Profile>, TableError> {
        let row = self.tables.get(TABLE, partition.as_str(), ROW).await?;
        row.map(|row| from_row(&row)).transpose()
    }

    /// Makes or updates the profile of a person who signed in.
    ///
    /// # Errors
    /// When storage does not take it.
    pub async fn record(&self, sighting: &Sighting) -> Result<Profile, TableError> {
        let partition = UserPartition::of(sighting.tenant_id, sighting.object_id);
        let now = self.clock.now();
        let known = self.find(&partition).await?;
        let profile = Profile {
            id: known
                .as_ref()
                .map_or_else(|| self.random.uuid_v4(), |profile| profile.id),
            azure_id: sighting.object_id,
            tenant_id: sighting.tenant_id,
            name: sighting.name.clone(),
            email: sighting.email.clone(),
            created_at: known.as_ref().map_or(now, |profile| profile.created_at),
            last_login: now,
        };
        let row = Row::new(partition.as_str(), ROW)
            .with("id", profile.id)
            .with("azure_id", profile.azure_id)
            .with("tenant_id", profile.tenant_id)
            .with_optional("name", profile.name.clone())
            .with_optional("email", profile.email.clone())
            .with("created_at", profile.created_at)
            .with("last_login", profile.last_login);
        if known.is_some() {
            self.tables.replace(TABLE, &row, &Condition::None).await?;
            return Ok(profile);
        }
        match self.tables.insert(TABLE, &row).await {
            Ok(_) => Ok(profile),
            // Two first calls at once: the other's id stands.
            Err(TableError::AlreadyExists) => Ok(self.find(&partition).await?.unwrap_or(profile)),
            Err(error) => Err(error),
        }
    }

    /// Has a profile written behind the answer. A full queue drops it: the
    /// person's next token brings it again.
    pub fn note(&self, sighting: Sighting) {
        if self.queue.try_send(sighting).is_err() {
            tracing::debug!("the queue of profiles is full");
        }
    }

    /// Writes noted profiles, for ever.
    pub async fn keep_writing(self: Arc<Self>, mut queue: mpsc::Receiver<Sighting>) {
        while let Some(sighting) = queue.recv().await {
            if let Err(error) = self.record(&sighting).await {
                tracing::warn!(
                    error = crate::error::chain(&error),
                    "a profile could not be written"
                );
            }
        }
    }
}

fn from_row(row: &Row) -> Result<Profile, TableError> {
    Ok(Profile {
        id: row.guid("id")?,
        azure_id: row.guid("azure_id")?,
        tenant_id: row.guid("tenant_id")?,
        name: row.optional_text("name")?.map(str::to_owned),
        email: row.optional_text("email")?.map(str::to_owned),
        created_at: row.datetime("created_at")?,
        last_login: row.datetime("last_login")?,
    })
}
