use entrada_ambient::{ManualClock, SystemRandom};
use entrada_tables::{EmbeddedTables, Query, query_all};
use secrecy::{ExposeSecret, SecretString};
use time::macros::datetime;

use super::*;
use crate::downstream::testing::CountedTables;
use crate::identity::{KeyUse, PUBLISHED_FIRST};
use crate::ops::{Sweep, UPKEEP_TABLE};

/// Storage with everything that can be sealed, and a ring.
struct World {
    tables: Arc<CountedTables>,
    clock: Arc<ManualClock>,
    rings: Arc<KeyRings>,
    json: SecretString,
}

const DAY: Duration = Duration::days(1);

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(datetime!(2026-11-21 12:00 UTC)));
        let tables = EmbeddedTables::in_memory(clock.clone()).unwrap();
        for table in crate::app::TABLES {
            tables.create_table(table).await.unwrap();
        }
        let json = KeyRing::generate(clock.as_ref(), &SystemRandom).unwrap();
        let rings = KeyRings::new(Some(KeyRing::parse(&json).unwrap()));
        Self {
            tables: Arc::new(CountedTables::new(tables)),
            clock,
            rings: Arc::new(rings),
            json,
        }
    }

    fn advance(&self, duration: Duration) {
        self.clock.advance(duration.unsigned_abs());
    }

    /// Takes a new encryption key into use; the id of the one before.
    async fn rotate(&mut self) -> String {
        let stored = stored_values(self.tables.as_ref()).await.unwrap();
        let before = self.rings.current().unwrap().retired_encryption_keys();
        for _ in 0..2 {
            let ambient = (
                self.clock.as_ref() as &dyn Clock,
                &SystemRandom as &dyn Random,
            );
            let rotation = KeyRing::rotate(&self.json, &[KeyUse::Enc], &stored, ambient);
            self.json = rotation.unwrap().ring;
            self.advance(PUBLISHED_FIRST);
        }
        self.rings.replace(KeyRing::parse(&self.json).unwrap());
        let retired = self.rings.current().unwrap().retired_encryption_keys();
        retired.difference(&before).next().unwrap().clone()
    }

    /// Stores a value of a column, sealed for its place.
    async fn store(&self, column: SealedColumn, row: &str, lives: Option<Duration>) {
        let place = Place {
            column,
            partition: "p",
            row,
        };
        let ring = self.rings.current().unwrap();
        let sealed = ring.seal(&SecretString::from(row), place, &SystemRandom);
        let ends = lives.map(|lives| self.clock.unix() + lives.whole_seconds());
        let stored = Row::new("p", row)
            .with("other", "kept")
            .with(column.name(), sealed.unwrap())
            .with_optional(EXPIRES_AT, ends);
        let table = column.table();
        self.tables
            .replace(table, &stored, &Condition::None)
            .await
            .unwrap();
    }

    async fn row(&self, column: SealedColumn, row: &str) -> Row {
        let found = self.tables.get(column.table(), "p", row).await;
        found.unwrap().unwrap()
    }

    /// Under which key a value is, which opens.
    async fn key_of(&self, column: SealedColumn, row: &str) -> String {
        let stored = self.row(column, row).await;
        let sealed = stored.binary(column.name()).unwrap();
        let place = Place {
            column,
            partition: "p",
            row,
        };
        let opened = self.rings.current().unwrap().open(sealed, place).unwrap();
        assert_eq!(opened.expose_secret(), row);
        sealed_under(sealed).unwrap().to_owned()
    }

    fn resealing_on(&self, tables: Arc<dyn Tables>) -> Resealing {
        let (rings, clock) = (self.rings.clone(), self.clock.clone());
        Resealing::new(tables, rings, clock, Arc::new(SystemRandom))
    }

    /// A run, on an instance of its own.
    async fn run(&self) -> Option<usize> {
        self.resealing_on(self.tables.clone()).run().await.unwrap()
    }

    async fn census(&self) -> Census {
        match stored_values(self.tables.as_ref()).await.unwrap() {
            StoredValues::Counted(census) => census,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn every_column_is_sealed_anew_and_the_rest_of_its_row_stays() {
    let mut world = World::new().await;
    for column in SealedColumn::STORED {
        world.store(*column, column.name(), Some(DAY)).await;
    }
    assert_eq!(world.run().await, None, "no key has retired");
    let old = world.rotate().await;
    let before = world
        .row(SealedColumn::GRANT_ACCESS, "upstream_access")
        .await;
    assert_eq!(world.run().await, Some(SealedColumn::STORED.len()));
    for column in SealedColumn::STORED {
        assert_ne!(world.key_of(*column, column.name()).await, old);
    }
    let after = world
        .row(SealedColumn::GRANT_ACCESS, "upstream_access")
        .await;
    assert_eq!(after.expires_at(), before.expires_at());
    assert_eq!(after.text("other").unwrap(), "kept");
    assert_eq!(after.properties.len(), before.properties.len());
    // What was found counts as found; the next look finds nothing.
    assert!(world.census().await.found.contains(&old));
    assert_eq!(world.run().await, Some(0));
    assert!(world.census().await.is_free_of(&old));
    let untouched = world
        .row(SealedColumn::GRANT_ACCESS, "upstream_access")
        .await;
    assert_eq!(untouched.etag, after.etag, "once is enough");
    assert_eq!(world.run().await, None, "and a day is left in peace");
    world.advance(DAY);
    assert_eq!(world.run().await, Some(0));
}

#[tokio::test]
async fn what_ends_soon_is_left_and_keeps_its_key_and_what_has_ended_counts_for_nothing() {
    let mut world = World::new().await;
    let column = SealedColumn::FLOW_VERIFIER;
    world
        .store(column, "soon", Some(Duration::minutes(70)))
        .await;
    world
        .store(column, "ended", Some(Duration::minutes(20)))
        .await;
    let old = world.rotate().await;
    let ended = world.row(column, "ended").await;
    assert_eq!(world.run().await, Some(0));
    assert_eq!(world.key_of(column, "soon").await, old);
    assert_eq!(world.row(column, "ended").await.etag, ended.etag);
    assert!(world.census().await.found.contains(&old));
    world.advance(Duration::hours(1));
    assert_eq!(world.run().await, Some(0));
    assert!(world.census().await.is_free_of(&old));
}

#[tokio::test]
async fn a_value_that_cannot_be_opened_is_left_and_keeps_its_key() {
    let mut world = World::new().await;
    let column = SealedColumn::CHAT_ASKS;
    world.store(column, "moved", None).await;
    let moved = world.row(column, "moved").await;
    let elsewhere =
        Row::new("p", "elsewhere").with(column.name(), moved.binary(column.name()).unwrap());
    world
        .tables
        .insert(column.table(), &elsewhere)
        .await
        .unwrap();
    let old = world.rotate().await;
    for resealed in [1, 0, 0] {
        assert_eq!(world.run().await, Some(resealed));
        assert!(world.census().await.found.contains(&old));
    }
    let left = world.row(column, "elsewhere").await;
    assert_eq!(left.properties, elsewhere.properties);
}

#[tokio::test]
async fn a_look_goes_on_where_the_last_run_stopped_and_what_came_meanwhile_is_not_undone() {
    let mut world = World::new().await;
    let column = SealedColumn::CHAT_ASKS;
    let many = MOST + 1_500;
    for number in 0..many {
        world.store(column, &format!("{number:05}"), None).await;
    }
    let old = world.rotate().await;
    assert_eq!(world.run().await, Some(MOST), "bounded");
    assert!(matches!(
        stored_values(world.tables.as_ref()).await.unwrap(),
        StoredValues::NeverCounted
    ));
    // A new key retires in the middle: the look begins anew, for both.
    let second = world.rotate().await;
    assert_ne!(old, second);
    let mut resealed = 0;
    while world.census_or_none().await.is_none() {
        resealed += world.run().await.unwrap();
    }
    assert_eq!(resealed, many);
    while !world.census().await.found.is_empty() {
        world.run().await.unwrap();
    }
    let free = world.census().await;
    assert!(free.is_free_of(&old) && free.is_free_of(&second));
    let query = Query::partition("p");
    let rows = query_all(world.tables.as_ref(), column.table(), &query, many).await;
    for row in rows.unwrap() {
        let kid = world.key_of(column, &row.row).await;
        assert!(kid != old && kid != second);
    }
    let left = world.tables.get(UPKEEP_TABLE, "resealing", "pass").await;
    assert!(left.unwrap().is_none());
}

impl World {
    async fn census_or_none(&self) -> Option<Census> {
        match stored_values(self.tables.as_ref()).await.unwrap() {
            StoredValues::Counted(census) => Some(census),
            _ => None,
        }
    }
}

#[tokio::test]
async fn a_row_that_was_changed_meanwhile_is_not_written_over() {
    let mut world = World::new().await;
    let column = SealedColumn::GRANT_ACCESS;
    world.store(column, "changed", None).await;
    world.store(column, "gone", None).await;
    let old = world.rotate().await;
    let seen = [
        world.row(column, "changed").await,
        world.row(column, "gone").await,
    ];
    let table = column.table();
    let theirs = seen[0].clone().with("other", "theirs");
    let written = world.tables.replace(table, &theirs, &Condition::None).await;
    written.unwrap();
    let gone = world.tables.delete(table, "p", "gone", &Condition::None);
    gone.await.unwrap();
    let resealing = world.resealing_on(world.tables.clone());
    let ring = world.rings.current().unwrap();
    let mut pass = resealing.pass(&ring).await.unwrap().unwrap();
    while pass.place().is_some_and(|(at, _)| at != table) {
        pass.advance(None);
    }
    let mut tally = Tally::default();
    for row in &seen {
        let resealed = resealing.reseal(&ring, row, &mut pass, &mut tally).await;
        resealed.unwrap();
    }
    assert_eq!(tally.resealed, 0);
    assert_eq!(pass.found, BTreeSet::from([old.clone()]));
    assert_eq!(
        world.row(column, "changed").await.text("other").unwrap(),
        "theirs"
    );
    let gone = world.tables.get(table, "p", "gone").await.unwrap();
    assert!(gone.is_none());
    // The next one finds it.
    assert_eq!(world.run().await, Some(1));
    assert_ne!(world.key_of(column, "changed").await, old);
}

#[tokio::test]
async fn a_sweep_that_is_killed_has_lost_nothing_and_the_next_goes_on() {
    let mut world = World::new().await;
    let column = SealedColumn::GRANT_ACCESS;
    world.store(column, "a", None).await;
    world.store(column, "b", None).await;
    let old = world.rotate().await;
    // Killed after a value and before it noted how far it had come.
    let resealing = world.resealing_on(world.tables.clone());
    let ring = world.rings.current().unwrap();
    let mut pass = resealing.pass(&ring).await.unwrap().unwrap();
    while pass.place().is_some_and(|(at, _)| at != column.table()) {
        pass.advance(None);
    }
    let first = world.row(column, "a").await;
    let mut tally = Tally::default();
    let resealed = resealing.reseal(&ring, &first, &mut pass, &mut tally).await;
    resealed.unwrap();
    assert_eq!(world.run().await, Some(1));
    for row in ["a", "b"] {
        assert_ne!(world.key_of(column, row).await, old);
    }
    // Killed at its end, before the census was there.
    let mut pass = resealing.pass(&ring).await.unwrap().unwrap();
    resealing.go_on(&ring, &mut pass).await.unwrap();
    drop(pass);
    assert!(world.census().await.found.contains(&old), "that of before");
    assert_eq!(world.run().await, Some(0));
    assert!(world.census().await.is_free_of(&old));
}

#[tokio::test]
async fn of_two_that_go_on_with_one_look_one_stops() {
    let mut world = World::new().await;
    world.store(SealedColumn::CHAT_ASKS, "a", None).await;
    world.rotate().await;
    let resealing = world.resealing_on(world.tables.clone());
    let ring = world.rings.current().unwrap();
    let mut pass = resealing.pass(&ring).await.unwrap().unwrap();
    assert_eq!(world.run().await, Some(1));
    let late = resealing.go_on(&ring, &mut pass).await;
    assert!(matches!(
        late,
        Err(TableError::PreconditionFailed | TableError::NotFound)
    ));
}

#[tokio::test]
async fn values_under_keys_of_another_age_are_left_alone() {
    let mut world = World::new().await;
    let column = SealedColumn::CHAT_ASKS;
    world.rotate().await;
    world.store(column, "current", None).await;
    let current = world.row(column, "current").await;
    let unknown = Row::new("p", "unknown").with(column.name(), b"\x03newabcdefgh".to_vec());
    world.tables.insert(column.table(), &unknown).await.unwrap();
    assert_eq!(world.run().await, Some(0));
    assert_eq!(world.row(column, "current").await.etag, current.etag);
    let left = world.row(column, "unknown").await;
    assert_eq!(left.properties, unknown.properties);
    assert!(world.census().await.found.is_empty());
}

#[tokio::test]
async fn a_run_ends_when_its_time_is_up_and_what_it_found_is_not_forgotten() {
    let mut world = World::new().await;
    let column = SealedColumn::CHAT_ASKS;
    for row in ["a", "b", "c", "d"] {
        world.store(column, row, None).await;
    }
    let old = world.rotate().await;
    let trip = std::time::Duration::from_mins(1);
    world.tables.slow_down(world.clock.clone(), trip);
    let begun = world.clock.monotonic();
    // A page is read, and two values are replaced.
    assert_eq!(world.run().await, Some(2));
    let took = world.clock.monotonic().saturating_sub(begun);
    assert!(took <= TIME + 5 * trip, "{took:?}");
    assert_eq!(world.run().await, Some(2));
    while world.census_or_none().await.is_none() {
        assert_eq!(world.run().await, Some(0));
    }
    assert!(world.census().await.found.contains(&old));
}

#[tokio::test]
async fn a_sweep_re_encrypts_before_the_tables_take_all_its_time() {
    let mut world = World::new().await;
    let sealed = SealedColumn::GRANT_ACCESS;
    world.store(sealed, "a", None).await;
    world.rotate().await;
    let (resealing, clock) = (
        world.resealing_on(world.tables.clone()),
        world.clock.clone(),
    );
    let sweep = Sweep::new(
        world.tables.clone(),
        &[crate::audit::TABLE],
        resealing,
        clock,
    );
    world.tables.asked();
    let swept = sweep.run().await.unwrap().unwrap();
    assert_eq!(swept.resealed, Some(1));
    let asked = world.tables.asked();
    let first = |table: &str| asked.iter().position(|asked| asked == table).unwrap();
    assert!(
        first(sealed.table()) < first(crate::audit::TABLE),
        "{asked:?}"
    );
}
