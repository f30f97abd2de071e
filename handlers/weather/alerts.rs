//! A tenant's weather alerts.

use std::sync::Arc;
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

/// Alerts in storage.
#[derive(Debug)]
pub struct Alerts {
    tables: Arc<dyn Tables>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    kept: Cache<Uuid, (Duration, Arc<Vec<Alert>>)>,
}

impl Alerts {
    /// Alerts in `tables`.
    #[must_use]
    pub fn new(tables: Arc<dyn Tables>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self {
            tables,
            clock,
            random,
            kept: Cache::new(TENANTS),
        }
    }

    /// A tenant's alerts, oldest first; at most five seconds old.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn of(&self, tenant: Uuid) -> Result<Arc<Vec<Alert>>, TableError> {
        let now = self.clock.monotonic();
        if let Some((read_at, alerts)) = self.kept.get(&tenant)
            && now.saturating_sub(read_at) < KEPT
        {
            return Ok(alerts);
        }
        let alerts = Arc::new(self.read(tenant).await?);
        self.kept.insert(tenant, (now, alerts.clone()));
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
        self.tables.insert(TABLE, &row).await?;
        self.kept.invalidate(&tenant);
        Ok(from_row(&row)?)
    }

    /// Deletes an alert of a tenant; `false` when there is none.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn delete(&self, tenant: Uuid, alert_id: Uuid) -> Result<bool, TableError> {
        let deleted = self
            .tables
            .delete(
                TABLE,
                &tenant.to_string(),
                &alert_id.to_string(),
                &Condition::Exists,
            )
            .await;
        self.kept.invalidate(&tenant);
        match deleted {
            Ok(()) => Ok(true),
            Err(TableError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
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
