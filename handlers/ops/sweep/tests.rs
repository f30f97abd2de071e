use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada_ambient::{ManualClock, SystemRandom};
use entrada_tables::{EmbeddedTables, Operation, Query, query_all};

use super::*;
use crate::downstream::testing::CountedTables;
use crate::identity::KeyRings;

const LARGE: &str = "large";
const SMALL: &str = "small";

/// Storage that can be slow, with what has ended in it.
struct World {
    clock: Arc<ManualClock>,
    tables: Arc<CountedTables>,
}

impl World {
    async fn new() -> Self {
        let clock = ManualClock::at(OffsetDateTime::from_unix_timestamp(1_000_000).unwrap());
        let clock = Arc::new(clock);
        let tables = EmbeddedTables::in_memory(clock.clone()).unwrap();
        for table in [LARGE, SMALL, TABLE] {
            tables.create_table(table).await.unwrap();
        }
        Self {
            clock,
            tables: Arc::new(CountedTables::new(tables)),
        }
    }

    /// Stores rows that have ended.
    async fn end(&self, table: &str, prefix: &str, count: usize) {
        let rows: Vec<_> = (0..count)
            .map(|number| Row::new("p", format!("{prefix}{number:04}")).with("expires_at", 1_i64))
            .map(Operation::Insert)
            .collect();
        for rows in rows.chunks(100) {
            self.tables.batch(table, rows).await.unwrap();
        }
    }

    async fn left(&self, table: &str) -> usize {
        let query = Query::partition("p");
        let rows = query_all(self.tables.as_ref(), table, &query, 5_000).await;
        rows.unwrap().len()
    }

    /// A run, on an instance of its own.
    async fn run(&self) -> Result<Swept, TableError> {
        let (rings, random) = (Arc::new(KeyRings::new(None)), Arc::new(SystemRandom));
        let tables = self.tables.clone();
        let resealing = Resealing::new(tables.clone(), rings, self.clock.clone(), random);
        let sweep = Sweep::new(tables, &[LARGE, SMALL], resealing, self.clock.clone());
        sweep.run().await.map(Option::unwrap)
    }

    async fn last_sweep(&self) -> Option<String> {
        last_sweep(self.tables.as_ref()).await.unwrap()
    }
}

#[tokio::test]
async fn a_run_ends_when_its_time_is_up_and_every_table_gets_its_turn() {
    let world = World::new().await;
    world.end(LARGE, "m", 1_000).await;
    world.end(SMALL, "m", 1).await;
    let trip = Duration::from_secs(30);
    world.tables.slow_down(world.clock.clone(), trip);
    let begun = world.clock.monotonic();
    let first = world.run().await.unwrap();
    assert!(first.time_was_up && first.deleted > 0, "{first:?}");
    let took = world.clock.monotonic().saturating_sub(begun);
    assert!(took < TIME + Duration::from_mins(2), "{took:?}");
    assert_eq!(world.left(SMALL).await, 1, "its turn has not come");
    assert!(world.last_sweep().await.is_some());
    // As much as was deleted comes anew, before the place where it stopped.
    world.end(LARGE, "a", first.deleted).await;
    let second = world.run().await.unwrap();
    assert!(!second.time_was_up, "{second:?}");
    assert_eq!(second.deleted, 1_000 - first.deleted + 1);
    assert_eq!(world.left(SMALL).await, 0);
    world.run().await.unwrap();
    assert_eq!(world.left(LARGE).await, 0);
}

#[tokio::test]
async fn storage_that_fails_for_one_table_keeps_no_other_from_its_turn() {
    let world = World::new().await;
    world.end(LARGE, "m", 3).await;
    world.end(SMALL, "m", 3).await;
    world.tables.lose(LARGE);
    assert!(matches!(
        world.run().await,
        Err(TableError::Unavailable { .. })
    ));
    assert_eq!(world.left(SMALL).await, 0);
    assert!(world.last_sweep().await.is_none(), "not all was swept");
    world.tables.recover();
    world.tables.lose(TABLE);
    assert!(world.run().await.is_err());
    assert_eq!(world.left(LARGE).await, 0, "a place is nothing but a place");
}

#[tokio::test]
async fn a_place_that_is_none_here_costs_one_turn_at_most() {
    let world = World::new().await;
    // What Table Storage hands out; this is the embedded file.
    let foreign = URL_SAFE_NO_PAD.encode(r#"{"a":["p","m0001"]}"#);
    for (table, continuation) in [
        ("nolonger", None),
        (LARGE, Some("nothing of the sort")),
        (SMALL, Some(foreign.as_str())),
    ] {
        world.end(LARGE, "m", 3).await;
        world.end(SMALL, "m", 3).await;
        let row = Row::new("sweep", "place")
            .with("table", table)
            .with_optional("continuation", continuation);
        let noted = world.tables.replace(TABLE, &row, &Condition::None);
        noted.await.unwrap();
        let first = world.run().await;
        assert_eq!(world.left(LARGE).await, 0, "{table} {continuation:?}");
        assert_eq!(first.is_err(), table == SMALL, "{table} {continuation:?}");
        world.run().await.unwrap();
        assert_eq!(world.left(SMALL).await, 0, "{table} {continuation:?}");
    }
}
