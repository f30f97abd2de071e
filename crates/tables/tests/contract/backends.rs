use std::io::Write;
use std::sync::{Arc, Once};

use entrada_ambient::{
    Environment, NetworkOptions, ProcessEnvironment, Random, SystemClock, SystemRandom, http_client,
};
use entrada_tables::{AzureTables, EmbeddedTables, Row, Tables};
use secrecy::SecretString;

/// Names the account that the Azure half runs against.
const CONNECTION: &str = "ENTRADA_TEST_TABLES";

/// A backend, and an empty table of its own.
pub(crate) struct Bench {
    pub(crate) tables: Arc<dyn Tables>,
    pub(crate) table: String,
}

impl Bench {
    async fn over(tables: Arc<dyn Tables>) -> Self {
        let table = table_name();
        tables.create_table(&table).await.unwrap();
        Self { tables, table }
    }

    /// The row of these keys, which must be there.
    pub(crate) async fn row(&self, partition: &str, row: &str) -> Row {
        let found = self.tables.get(&self.table, partition, row).await.unwrap();
        found.expect("the row is there")
    }

    /// Whether there is a row of these keys.
    pub(crate) async fn has(&self, partition: &str, row: &str) -> bool {
        let found = self.tables.get(&self.table, partition, row).await.unwrap();
        found.is_some()
    }

    /// Inserts rows.
    pub(crate) async fn fill(&self, rows: impl IntoIterator<Item = Row>) {
        for row in rows {
            self.tables.insert(&self.table, &row).await.unwrap();
        }
    }
}

/// A table name that nobody else has.
pub(crate) fn table_name() -> String {
    format!("entrada{}", SystemRandom.uuid_v4().simple())
}

pub(crate) async fn embedded() -> Bench {
    let tables = EmbeddedTables::in_memory(Arc::new(SystemClock::new())).unwrap();
    Bench::over(Arc::new(tables)).await
}

/// `None`, and a line on standard error, when no account was named.
pub(crate) async fn azure() -> Option<Bench> {
    static SKIPPED: Once = Once::new();
    let Some(connection) = ProcessEnvironment.get(CONNECTION) else {
        SKIPPED.call_once(|| {
            // Not by `eprintln!`, which the test harness keeps to itself.
            let mut stderr = std::io::stderr();
            let _ = writeln!(
                stderr,
                "SKIPPED: the contract was not run against Azure Table Storage, since \
                 {CONNECTION} holds no connection string"
            );
        });
        return None;
    };
    let tables = AzureTables::from_connection_string(
        &SecretString::from(connection),
        http_client(&NetworkOptions::default()).unwrap(),
        Arc::new(SystemClock::new()),
        Arc::new(SystemRandom),
    );
    Some(Bench::over(Arc::new(tables.unwrap())).await)
}
