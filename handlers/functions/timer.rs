//! `POST /sweep`: the timer that deletes what has ended and re-encrypts what is
//! under a retired key.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entrada_ambient::Clock;

use super::InvocationAnswer;
use crate::error::ApiError;
use crate::ops::Sweep;

/// The name of the timer's function.
pub const SWEEP: &str = "sweep";

/// How far two sweeps of one process are apart at least. Where no host stands
/// in front, anybody can ask for one; the timer itself asks every half hour.
const APART: Duration = Duration::from_mins(5);

/// The timer's function.
#[derive(Debug, Clone)]
pub struct SweepTimer {
    sweep: Arc<Sweep>,
    clock: Arc<dyn Clock>,
    /// When a sweep last began.
    begun: Arc<Mutex<Option<Duration>>>,
}

impl SweepTimer {
    /// It runs `sweep`.
    #[must_use]
    pub fn new(sweep: Arc<Sweep>, clock: Arc<dyn Clock>) -> Self {
        Self {
            sweep,
            clock,
            begun: Arc::default(),
        }
    }

    /// Sweeps, and tells the function's log what came of it. What the host
    /// says of the schedule is not read: it makes no difference. A sweep that
    /// began goes on without its caller, who could otherwise end every one.
    ///
    /// # Errors
    /// 503 while storage is away, which shows as a failed run of the function.
    pub async fn answer(self) -> Result<InvocationAnswer, ApiError> {
        let swept = if self.is_time() {
            let sweep = self.sweep;
            let run = tokio::spawn(async move { sweep.run().await });
            run.await.map_err(ApiError::internal)??
        } else {
            None
        };
        let Some(swept) = swept else {
            let line = "A sweep began here a short time ago.".to_owned();
            return Ok(InvocationAnswer::logging(vec![line]));
        };
        let mut lines = vec![format!("Deleted {} rows that had ended.", swept.deleted)];
        lines.extend(swept.resealed.map(|resealed| {
            format!("Re-encrypted {resealed} values that were under retired keys.")
        }));
        if swept.time_was_up {
            lines.push("The time was up; the next run goes on from there.".to_owned());
        }
        Ok(InvocationAnswer::logging(lines))
    }

    fn is_time(&self) -> bool {
        let now = self.clock.monotonic();
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.is_some_and(|begun| now.saturating_sub(begun) < APART) {
            return false;
        }
        *begun = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::{ManualClock, SystemRandom};
    use entrada_tables::{EmbeddedTables, Row, Tables};
    use futures::FutureExt as _;
    use serde_json::Value;
    use time::OffsetDateTime;

    use super::*;
    use crate::identity::KeyRings;
    use crate::ops::{Resealing, UPKEEP_TABLE};

    const SWEPT: &str = "ofthetest";

    struct World {
        clock: Arc<ManualClock>,
        tables: Arc<dyn Tables>,
        timer: SweepTimer,
    }

    impl World {
        async fn new() -> Self {
            let clock = ManualClock::at(OffsetDateTime::from_unix_timestamp(1_000_000).unwrap());
            let clock = Arc::new(clock);
            let tables = EmbeddedTables::in_memory(clock.clone()).unwrap();
            let tables: Arc<dyn Tables> = Arc::new(tables);
            for table in [SWEPT, UPKEEP_TABLE] {
                tables.create_table(table).await.unwrap();
            }
            let (rings, random) = (Arc::new(KeyRings::new(None)), Arc::new(SystemRandom));
            let resealing = Resealing::new(tables.clone(), rings, clock.clone(), random);
            let sweep = Sweep::new(tables.clone(), &[SWEPT], resealing, clock.clone());
            Self {
                timer: SweepTimer::new(Arc::new(sweep), clock.clone()),
                clock,
                tables,
            }
        }

        async fn end(&self, key: &str) {
            let row = Row::new("p", key).with("expires_at", 1_i64);
            self.tables.insert(SWEPT, &row).await.unwrap();
        }

        async fn ask(&self) -> String {
            let answer = self.timer.clone().answer().await.unwrap();
            let answer: Value = serde_json::to_value(answer).unwrap();
            answer["Logs"][0].as_str().unwrap().to_owned()
        }
    }

    #[tokio::test]
    async fn who_asks_again_and_again_gets_one_sweep_in_five_minutes() {
        let world = World::new().await;
        world.end("first").await;
        assert_eq!(world.ask().await, "Deleted 1 rows that had ended.");
        world.end("second").await;
        for _ in 0..3 {
            assert_eq!(world.ask().await, "A sweep began here a short time ago.");
        }
        assert!(
            world
                .tables
                .get(SWEPT, "p", "second")
                .await
                .unwrap()
                .is_some()
        );
        world.clock.advance(APART);
        assert_eq!(world.ask().await, "Deleted 1 rows that had ended.");
    }

    #[tokio::test]
    async fn a_sweep_goes_on_when_its_caller_leaves() {
        let world = World::new().await;
        world.end("first").await;
        let begun = world.timer.clone().answer().now_or_never();
        assert!(begun.is_none());
        for _ in 0..500 {
            if world
                .tables
                .get(SWEPT, "p", "first")
                .await
                .unwrap()
                .is_none()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the sweep ended with its caller");
    }
}
