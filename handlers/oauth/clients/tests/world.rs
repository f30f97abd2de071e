//! A registry over storage of its own, with a clock that stands still.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use entrada_ambient::{ManualClock, Random, SystemRandom};
use entrada_tables::{EmbeddedTables, Tables};
use tempfile::TempDir;
use time::macros::datetime;

use crate::config::BaseUrl;
use crate::oauth::clients::testing::SixtyEach;
use crate::oauth::clients::{
    AddressPolicy, ClientSources, Clients, ConfiguredClients, RedirectRules, RegistrationRequest,
    SystemLookup, TABLE,
};

pub(super) const DAY: Duration = Duration::from_hours(24);

/// Random numbers whose first digit is always the same, so that every client
/// falls into one partition.
#[derive(Debug, Default)]
pub(super) struct OnePartition(AtomicU64);

impl Random for OnePartition {
    fn fill(&self, bytes: &mut [u8]) {
        SystemRandom.fill(bytes);
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        bytes[0] = 0x70;
        let end = bytes.len();
        bytes[end - 8..].copy_from_slice(&count.to_be_bytes());
    }
}

pub(super) struct World {
    pub(super) clock: Arc<ManualClock>,
    pub(super) tables: Arc<dyn Tables>,
    pub(super) folder: TempDir,
}

impl World {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let tables = open(&folder.path().join("tables"), clock.clone());
        tables.create_table(TABLE).await.unwrap();
        Self {
            clock,
            tables,
            folder,
        }
    }

    /// The same state after the end of the process.
    pub(super) fn reopened(self) -> Self {
        let Self {
            clock,
            tables,
            folder,
        } = self;
        drop(tables);
        let tables = open(&folder.path().join("tables"), clock.clone());
        Self {
            clock,
            tables,
            folder,
        }
    }

    pub(super) fn clients(&self) -> Clients {
        clients(self.tables.clone(), self.clock.clone())
    }
}

pub(super) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(datetime!(2026-11-21 12:00 UTC)))
}

fn open(path: &PathBuf, clock: Arc<ManualClock>) -> Arc<dyn Tables> {
    Arc::new(EmbeddedTables::open(path, clock).unwrap())
}

pub(super) fn clients(tables: Arc<dyn Tables>, clock: Arc<ManualClock>) -> Clients {
    let sources = ClientSources {
        configured: ConfiguredClients::parse(
            r#"{"clients": [{"client_id": "portal",
                "redirect_uris": ["https://portal.example/callback"]}]}"#,
        )
        .unwrap(),
        redirects: RedirectRules::new([]),
        addresses: AddressPolicy::LoopbackToo,
        lookup: Arc::new(SystemLookup),
        base: BaseUrl::parse("https://entrada.example").unwrap(),
        limiter: Arc::new(SixtyEach::default()),
    };
    Clients::new(sources, tables, clock, Arc::new(SystemRandom))
}

/// What a client registers that has nothing special about it.
pub(super) fn plain() -> RegistrationRequest {
    RegistrationRequest {
        redirect_uris: Some(vec!["http://localhost:3000/callback".to_owned()]),
        client_name: Some("A client".to_owned()),
        ..RegistrationRequest::default()
    }
}
