//! A tenant's weather alerts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entrada_ambient::{Clock, Random};
use entrada_tables::{Condition, Query, Row, TableError, Tables};
use moka::sync::Cache;
use schemars::JsonSchema;
use serde::Serialize;
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// The table of alerts: one partition for each tenant.
pub const TABLE: &str = "entradaalerts";

/// Alerts that a tenant may have.
const MOST: usize = 1_000;
/// How long a tenant's alerts are kept in memory: `get_weather` reads them
/// without a round trip. Own writes drop them at once.
const KEPT: Duration = Duration::from_secs(5);
/// Tenants whose alerts are kept in memory.
const TENANTS: u64 = 1_000;

/// An alert to be made.
#[derive(Debug, Clone)]
pub struct NewAlert {
    /// The place.
    pub city: String,
    /// What to look out for.
    pub condition: String,
    /// From which value on, if the condition has one.
    pub threshold: Option<f64>,
    /// What to say.
    pub message: Option<String>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Alert {
    /// Its id.
    pub alert_id: Uuid,
    /// The place.
    pub city: String,
    /// What to look out for.
    pub condition: String,
    /// From which value on.
    pub threshold: Option<f64>,
    /// What to say.
    pub message: Option<String>,
    /// When it was made, RFC 3339 UTC.
    pub created_at: String,
}

/// Why an alert is not made.
#[derive(Debug, Error)]
pub enum AlertError {
    /// The tenant has as many as it may have.
    #[error("there are {MOST} alerts already; delete one first")]
    TooMany,
    /// Storage failed.
    #[error("storage failed")]
    Storage(#[from] TableError),
}

/// What is known of a tenant's alerts.
#[derive(Debug, Default)]
struct Known {
    /// How many writes have ended.
    writes: u64,
    /// The alerts, and since when they are as they were read.
    kept: Option<(Duration, Arc<Vec<Alert>>)>,
}

/// Alerts in storage.
#[derive(Debug)]
pub struct Alerts {
    tables: Arc<dyn Tables>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    known: Cache<Uuid, Arc<Mutex<Known>>>,
}

impl Alerts {
    /// Alerts in `tables`.
    #[must_use]
    pub fn new(tables: Arc<dyn Tables>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            tables,
            clock,
            random,
            known: Cache::new(TENANTS),
        }
    }

    fn known(&self, tenant: Uuid) -> Arc<Mutex<Known>> {
        self.known.get_with(tenant, Arc::default)
    }

    /// A tenant's alerts, oldest first; at most five seconds old.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn of(&self, tenant: Uuid) -> Result<Arc<Vec<Alert>>, TableError> {
        let now = self.clock.monotonic();
        let known = self.known(tenant);
        let writes = {
            let known = look_at(&known);
            if let Some((read_at, alerts)) = &known.kept
                && now.saturating_sub(*read_at) < KEPT
            {
                return Ok(alerts.clone());
            }
            known.writes
        };
        let alerts = Arc::new(self.read(tenant).await?);
        let mut known = look_at(&known);
        // What was read before a write ended may lack it.
        if known.writes == writes {
            known.kept = Some((now, alerts.clone()));
        }
        Ok(alerts)
    }

    async fn read(&self, tenant: Uuid) -> Result<Vec<Alert>, TableError> {
        let mut alerts = Vec::new();
        let mut query = Query::partition(tenant.to_string());
        loop {
            let page = self.tables.query(TABLE, &query).await?;
            for row in &page.rows {
                alerts.push(from_row(row)?);
            }
            match page.continuation {
                Some(continuation) if alerts.len() < MOST => query = query.after(continuation),
                _ => return Ok(alerts),
            }
        }
    }

    /// Makes an alert for a tenant.
    ///
    /// # Errors
    /// When the tenant has too many, or storage does not take it.
    pub async fn set(&self, tenant: Uuid, new: NewAlert) -> Result<Alert, AlertError> {
        if self.read(tenant).await?.len() >= MOST {
            return Err(AlertError::TooMany);
        }
        let now = self.clock.now();
        let id = self.random.uuid_v7(now);
        let row = Row::new(tenant.to_string(), id.to_string())
            .with("city", new.city)
            .with("condition", new.condition)
            .with_optional("threshold", new.threshold)
            .with_optional("message", new.message)
            .with("created_at", now);
        let _write = Write {
            alerts: self,
            tenant,
        };
        self.tables.insert(TABLE, &row).await?;
        Ok(from_row(&row)?)
    }

    /// Deletes an alert of a tenant; `false` when there is none.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn delete(&self, tenant: Uuid, alert_id: Uuid) -> Result<bool, TableError> {
        let _write = Write {
            alerts: self,
            tenant,
        };
        let deleted = self
            .tables
            .delete(
                TABLE,
                &tenant.to_string(),
                &alert_id.to_string(),
                &Condition::Exists,
            )
            .await;
        match deleted {
            Ok(()) => Ok(true),
            Err(TableError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A write under way. However it ends, and when its caller goes away, nothing
/// that was read before is kept.
struct Write<'a> {
    alerts: &'a Alerts,
    tenant: Uuid,
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        let known = self.alerts.known(self.tenant);
        let mut known = look_at(&known);
        known.writes += 1;
        known.kept = None;
    }
}

fn look_at(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

fn from_row(row: &Row) -> Result<Alert, TableError> {
    let invalid = |reason: &str| TableError::Invalid {
        reason: reason.to_owned(),
    };
    let created_at: OffsetDateTime = row.datetime("created_at")?;
    Ok(Alert {
        alert_id: Uuid::try_parse(&row.row).map_err(|_| invalid("an alert's row key is no id"))?,
        city: row.text("city")?.to_owned(),
        condition: row.text("condition")?.to_owned(),
        threshold: row.optional_double("threshold")?,
        message: row.optional_text("message")?.map(str::to_owned),
        created_at: created_at
            .format(&Rfc3339)
            .map_err(|_| invalid("an alert's time cannot be written"))?,
    })
}

#[cfg(test)]
mod tests {
    use entrada_ambient::{ManualClock, SystemRandom};
    use entrada_tables::EmbeddedTables;

    use super::*;
    use crate::downstream::testing::HeldTables;

    const TENANT: Uuid = Uuid::from_u128(0xc0);

    async fn alerts() -> (Arc<Alerts>, Arc<HeldTables>) {
        let clock = Arc::new(ManualClock::at(OffsetDateTime::UNIX_EPOCH));
        let tables = EmbeddedTables::in_memory(clock.clone()).unwrap();
        tables.create_table(TABLE).await.unwrap();
        let tables = Arc::new(HeldTables::new(Arc::new(tables)));
        let alerts = Alerts::new(tables.clone(), clock, Arc::new(SystemRandom));
        (Arc::new(alerts), tables)
    }

    fn new() -> NewAlert {
        NewAlert {
            city: "Lisbon".to_owned(),
            condition: "storm".to_owned(),
            threshold: None,
            message: None,
        }
    }

    #[tokio::test]
    async fn what_was_read_before_a_write_does_not_hide_it() {
        let (alerts, storage) = alerts().await;
        storage.hold("");
        let reader = alerts.clone();
        let reading = tokio::spawn(async move { reader.of(TENANT).await });
        assert_eq!(storage.held_back(1).await, 1);
        storage.hold_no_more();
        let set = alerts.set(TENANT, new()).await.unwrap();
        storage.let_go();
        assert!(reading.await.unwrap().unwrap().is_empty());
        assert_eq!(*alerts.of(TENANT).await.unwrap(), [set]);
    }

    #[tokio::test]
    async fn a_write_whose_answer_was_lost_is_seen_at_once() {
        let (alerts, storage) = alerts().await;
        assert!(alerts.of(TENANT).await.unwrap().is_empty());
        storage.lose_answers(true);
        alerts.set(TENANT, new()).await.unwrap_err();
        storage.lose_answers(false);
        assert_eq!(alerts.of(TENANT).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_write_whose_caller_went_away_is_seen_at_once() {
        let (alerts, storage) = alerts().await;
        let set = alerts.set(TENANT, new()).await.unwrap();
        assert_eq!(alerts.of(TENANT).await.unwrap().len(), 1);
        storage.hold("");
        let patience = Duration::from_millis(50);
        let deleting = alerts.delete(TENANT, set.alert_id);
        let left = tokio::time::timeout(patience, deleting).await;
        assert!(left.is_err());
        storage.let_go();
        assert!(alerts.of(TENANT).await.unwrap().is_empty());
    }
}
