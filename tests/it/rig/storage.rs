//! Storage of one rig: a file of its own, or an account of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use entrada_ambient::{NetworkOptions, SystemClock, SystemRandom, http_client};
use entrada_tables::{AzureTables, EmbeddedTables, Tables};
use secrecy::SecretString;

use super::azurite::connection;
use super::{on_azurite, setting};

/// Accounts that Azurite was started with beside the well-known one:
/// `rig0`, `rig1`, and so on. Tests do not share tables that way.
static NEXT: AtomicUsize = AtomicUsize::new(0);

pub(crate) enum Storage {
    File(PathBuf),
    Account(String),
}

impl Storage {
    /// As the run has it: a file, or an account of Azurite.
    pub(crate) async fn take(folder: &Path) -> Self {
        if on_azurite() {
            return Self::account().await;
        }
        Self::File(folder.join("entrada.redb"))
    }

    /// An account of Azurite, which several servers can share.
    pub(crate) async fn account() -> Self {
        let connection = connection().await;
        let first: usize = setting("ENTRADA_TEST_FIRST_ACCOUNT")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let account = format!("rig{}", first + NEXT.fetch_add(1, Ordering::Relaxed));
        Self::Account(connection.replace("devstoreaccount1", &account))
    }

    /// The tables themselves.
    pub(crate) fn tables(&self) -> Arc<dyn Tables> {
        let clock = Arc::new(SystemClock::new());
        match self {
            Self::File(path) => Arc::new(EmbeddedTables::open(path, clock).unwrap()),
            Self::Account(connection) => {
                let http = http_client(&NetworkOptions::default()).unwrap();
                let connection = SecretString::from(connection.as_str());
                let random = Arc::new(SystemRandom);
                let tables = AzureTables::from_connection_string(&connection, http, clock, random);
                Arc::new(tables.unwrap())
            }
        }
    }

    /// Whether several servers can share it.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Account(_))
    }

    pub(crate) fn setting(&self) -> String {
        match self {
            Self::File(path) => format!("file:{}", path.display()),
            Self::Account(connection) => connection.clone(),
        }
    }
}
