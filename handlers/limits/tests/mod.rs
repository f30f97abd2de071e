//! Limits on storage in memory, by a clock that stands still: each instance
//! is a limiter of its own, all share the tables.

mod across_instances;
mod hot_path;
mod outage;
mod storage_trips;
mod troubled;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use entrada_ambient::{Clock, ManualClock};
use entrada_tables::{Condition, EmbeddedTables, Row, Tables};
use time::OffsetDateTime;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{CallerKey, Figures, Limits};
use crate::downstream::testing::CountedTables;

struct World {
    clock: Arc<ManualClock>,
    tables: Arc<CountedTables>,
    figures: Figures,
}

impl World {
    async fn new(figures: Figures) -> Self {
        let now = OffsetDateTime::from_unix_timestamp(1_790_000_000).unwrap();
        let clock = Arc::new(ManualClock::at(now));
        let tables = CountedTables::new(EmbeddedTables::in_memory(clock.clone()).unwrap());
        tables.create_table(super::TABLE).await.unwrap();
        Self {
            clock,
            tables: Arc::new(tables),
            figures,
        }
    }

    /// A new process that knows nothing.
    fn instance(&self) -> Arc<Limits> {
        let limits = Limits::new(self.figures, self.tables.clone(), self.clock.clone());
        Arc::new(limits)
    }

    fn instances(&self, count: usize) -> Vec<Arc<Limits>> {
        (0..count).map(|_| self.instance()).collect()
    }

    fn advance(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    /// Lets what goes on in the background come to its end, however long a
    /// busy machine takes: storage writes on a thread of its own.
    async fn settle(&self) {
        let tasks = tokio::runtime::Handle::current().metrics();
        while tasks.num_alive_tasks() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Replaces what every row says by something else.
    async fn spoil_rows(&self) {
        let table = super::TABLE;
        let far = self.clock.unix() + 1_000_000;
        let page = self.tables.expired(table, far, 1_000, None).await.unwrap();
        assert!(!page.rows.is_empty());
        for row in page.rows {
            let row = Row::new(row.partition, row.row).with("full_at", "tomorrow");
            self.tables
                .replace(table, &row, &Condition::Exists)
                .await
                .unwrap();
        }
    }

    fn seconds(&self) -> f64 {
        self.clock.monotonic().as_secs_f64()
    }
}

/// Everything follows from `n`.
fn from_one(n: u32) -> Figures {
    Figures::from_one(NonZeroU32::new(n).unwrap())
}

/// Nothing but this many calls of a user.
fn user_alone(n: u32) -> Figures {
    Figures {
        user: NonZeroU32::new(n),
        ..Figures::NONE
    }
}

fn user(number: u128) -> CallerKey {
    CallerKey {
        tenant_id: Uuid::from_u128(1),
        object_id: Uuid::from_u128(number),
        admin: false,
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// How many of `calls` at the same time are let through.
async fn at_once(limits: &Arc<Limits>, caller: CallerKey, calls: u32) -> u32 {
    let mut tasks = JoinSet::new();
    for _ in 0..calls {
        let limits = limits.clone();
        tasks.spawn(async move { limits.charge_caller(&caller).await.is_ok() });
    }
    let answers = tasks.join_all().await;
    u32::try_from(answers.into_iter().filter(|through| *through).count()).unwrap()
}

fn assert_within_a_tenth(through: u32, expected: f64) {
    let share = f64::from(through) / expected;
    assert!(
        (0.9..=1.1).contains(&share),
        "{through} let through where capacity and refill are {expected:.0}"
    );
}
