//! Records against a simple model, hostile input, and what reaches storage.

mod arbitrary;
mod cases;
mod isolation;
mod model;
mod wire;

use std::sync::Arc;

use entrada_ambient::{
    Environment as _, ManualClock, NetworkOptions, ProcessEnvironment, SystemClock, SystemRandom,
    http_client,
};
use entrada_tables::{AzureTables, EmbeddedTables, Tables};
use proptest::test_runner::Config;
use secrecy::SecretString;
use serde_json::{Map, Value};
use tempfile::TempDir;
use time::macros::datetime;
use uuid::Uuid;

use super::*;
use crate::identity::{KeyRing, KeyRings};

pub(super) const CONTOSO: Uuid = Uuid::from_u128(1);
pub(super) const FABRIKAM: Uuid = Uuid::from_u128(2);
pub(super) const PERSON: Uuid = Uuid::from_u128(3);

/// Records in a file of their own.
pub(super) struct World {
    pub(super) records: Records,
    pub(super) clock: Arc<ManualClock>,
    _folder: Option<TempDir>,
}

/// Records over `tables`, with a clock and a key ring of their own.
pub(super) fn records_in(tables: Arc<dyn Tables>) -> (Records, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(datetime!(2026-06-01 12:00 UTC)));
    let random = Arc::new(SystemRandom);
    let ring = KeyRing::generate(clock.as_ref(), random.as_ref()).unwrap();
    let rings = Arc::new(KeyRings::new(Some(KeyRing::parse(&ring).unwrap())));
    let records = Records::new(tables, rings, clock.clone(), random);
    (records, clock)
}

pub(super) async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(datetime!(2026-06-01 12:00 UTC)));
    let tables = EmbeddedTables::open(folder.path().join("records.redb"), clock).unwrap();
    tables.create_table(TABLE).await.unwrap();
    let (records, clock) = records_in(Arc::new(tables));
    World {
        records,
        clock,
        _folder: Some(folder),
    }
}

/// Records in Azurite, where one runs (`cargo xtask test` starts it and names
/// it).
pub(super) async fn azurite_world() -> Option<World> {
    let connection = ProcessEnvironment.get("ENTRADA_TEST_TABLES")?;
    let tables = AzureTables::from_connection_string(
        &SecretString::from(connection),
        http_client(&NetworkOptions::default()).unwrap(),
        Arc::new(SystemClock::new()),
        Arc::new(SystemRandom),
    );
    let tables = Arc::new(tables.unwrap());
    tables.create_table(TABLE).await.unwrap();
    let (records, clock) = records_in(tables);
    Some(World {
        records,
        clock,
        _folder: None,
    })
}

impl World {
    pub(super) async fn save(&self, tenant: Uuid, id: &str, data: Value) {
        self.records
            .save_as(tenant, PERSON, Some(id.to_owned()), object(data))
            .await
            .unwrap();
    }

    /// The ids that a query finds.
    pub(super) async fn ids(&self, tenant: Uuid, query: &RecordQuery) -> Vec<String> {
        let found = self.records.find_of(tenant, query).await.unwrap();
        found
            .records
            .into_iter()
            .map(|record| record.record_id)
            .collect()
    }
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is no object"),
    }
}

/// Everything, a hundred at a time.
pub(super) fn everything() -> RecordQuery {
    RecordQuery {
        text: None,
        filters: None,
        sort: None,
        limit: 100,
        cursor: None,
    }
}

pub(super) fn filters(value: Value) -> Filters {
    serde_json::from_value(value).unwrap()
}

/// 500 cases, or as many as `PROPTEST_CASES` says.
pub(super) fn config() -> Config {
    let cases = ProcessEnvironment.get("PROPTEST_CASES");
    Config {
        cases: cases.and_then(|text| text.parse().ok()).unwrap_or(500),
        failure_persistence: None,
        ..Config::default()
    }
}
