//! A log in memory.

use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::{Clock, ManualClock, SystemRandom};
use entrada_tables::{EmbeddedTables, Query, Row, Tables, query_all};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::audit::{
    Audit, AuditPage, AuditQuery, AuditReader, AuditSources, Entry, Report, Scope, TABLE, Writer,
    verify,
};
use crate::downstream::testing::HeldTables;
use crate::identity::{KeyRing, KeyRings};

pub(super) const TENANT: Uuid = Uuid::from_u128(0xc0);
pub(super) const USER: Uuid = Uuid::from_u128(0xa0);
/// The beginning of an hour.
const NOW: i64 = 1_790_002_800;

/// A log of its own, written as it goes, for tests of other modules, and what
/// reads it.
pub(crate) async fn in_memory(clock: Arc<dyn Clock>) -> (Arc<Audit>, AuditReader) {
    let tables = EmbeddedTables::in_memory(clock.clone()).unwrap();
    tables.create_table(TABLE).await.unwrap();
    let tables: Arc<dyn Tables> = Arc::new(tables);
    let (audit, writer) = Audit::new(sources(tables.clone(), clock.clone()));
    tokio::spawn(writer.run());
    (Arc::new(audit), AuditReader::new(tables, clock))
}

fn sources(tables: Arc<dyn Tables>, clock: Arc<dyn Clock>) -> AuditSources {
    let ring = KeyRing::generate(clock.as_ref(), &SystemRandom).unwrap();
    AuditSources {
        tables,
        rings: Arc::new(KeyRings::new(Some(KeyRing::parse(&ring).unwrap()))),
        clock,
        random: Arc::new(SystemRandom),
        days: 365,
    }
}

/// Storage, keys and a clock, for several runs.
pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) tables: Arc<dyn Tables>,
    pub(super) sources: AuditSources,
}

impl World {
    pub(super) async fn new() -> Self {
        let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let tables = EmbeddedTables::in_memory(clock.clone()).unwrap();
        tables.create_table(TABLE).await.unwrap();
        let tables: Arc<dyn Tables> = Arc::new(tables);
        Self {
            sources: sources(tables.clone(), clock.clone()),
            clock,
            tables,
        }
    }

    /// The same with storage whose answers can be held back.
    pub(super) async fn holding() -> (Self, Arc<HeldTables>) {
        let mut world = Self::new().await;
        let held = Arc::new(HeldTables::new(world.tables.clone()));
        world.sources.tables = held.clone();
        (world, held)
    }

    /// A log whose writer has not begun, with so many places.
    pub(super) fn idle(&self, places: usize) -> (Audit, Writer) {
        Audit::with_queue(self.sources.clone(), places)
    }

    /// One run of the program: entries by tenant and tool, a row each, each
    /// after so many seconds.
    pub(super) async fn run(&self, entries: &[(Uuid, &str, u64)]) {
        let (audit, writer) = self.idle(64);
        let writer = tokio::spawn(writer.run());
        for (tenant, tool, seconds) in entries {
            self.clock.advance(Duration::from_secs(*seconds));
            audit.record(entry(*tenant, tool)).await.unwrap();
        }
        drop(audit);
        writer.await.unwrap();
    }

    pub(super) async fn verify(&self, scope: Scope) -> Report {
        let ring = self.sources.rings.current().unwrap();
        let now = self.clock.unix();
        verify(self.tables.as_ref(), &ring, scope, now)
            .await
            .unwrap()
    }

    /// What is found, in one text.
    pub(super) async fn findings(&self) -> String {
        let report = self.verify(Scope::default()).await;
        let lines: Vec<_> = report.findings.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    /// The rows of a partition whose keys begin with `prefix`.
    pub(super) async fn rows(&self, partition: &str, prefix: &str) -> Vec<Row> {
        let query = Query::partition(partition).prefix(prefix);
        query_all(self.tables.as_ref(), TABLE, &query, 10_000)
            .await
            .unwrap()
    }

    /// The partition of the tenant's entries of now.
    pub(super) fn partition(&self) -> String {
        let hour = crate::audit::Hour::of(self.clock.now());
        format!("{TENANT}-{hour}")
    }

    pub(super) async fn page(&self, query: &AuditQuery) -> AuditPage {
        let reader = AuditReader::new(self.tables.clone(), self.clock.clone());
        reader.page(query).await.unwrap().unwrap()
    }

    /// Everything of the tenant within the last ten hours.
    pub(super) fn query(&self) -> AuditQuery {
        AuditQuery {
            tenant: TENANT,
            from: self.clock.now() - Duration::from_hours(10),
            to: self.clock.now(),
            user: None,
            tool: None,
            outcome: None,
            limit: 100,
            cursor: None,
        }
    }
}

pub(super) fn entry(tenant: Uuid, tool: &str) -> Entry {
    Entry::new("tools/call").by(tenant, USER).tool(tool, None)
}
