//! The arithmetic of a token bucket, in whole nanoseconds.

use std::num::NonZeroU32;
use std::time::Duration;

/// Nanoseconds in a minute.
const MINUTE: i64 = 60_000_000_000;

/// How often a bucket that is used up is asked again at most, as a part of a
/// minute: every 100 ms.
const POLLS_PER_MINUTE: u32 = 600;

/// What a bucket holds and how fast it fills: as many calls a minute as the
/// limit says, and room for twice as many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    per_minute: u32,
}

impl Rate {
    /// The highest limit, in calls a minute: more is cut to this, since a
    /// nanosecond is the unit in which buckets fill.
    pub(super) const MOST: u32 = 1_000_000_000;

    pub(super) fn per_minute(calls: NonZeroU32) -> Self {
        Self {
            per_minute: calls.get().min(Self::MOST),
        }
    }

    /// The calls that a full bucket holds.
    pub(super) fn capacity(self) -> u32 {
        self.per_minute.saturating_mul(2)
    }

    /// The largest block that an instance leases: a tenth of the capacity.
    pub(super) fn largest_block(self) -> u32 {
        (self.capacity() / 10).max(1)
    }

    /// The first block that an instance leases of a bucket it knows nothing
    /// about. Small, since many instances may meet the same caller.
    pub(super) fn first_block(self) -> u32 {
        (self.capacity() / 50).max(1)
    }

    /// Nanoseconds in which one call's worth flows in.
    fn interval(self) -> i64 {
        MINUTE / i64::from(self.per_minute.max(1))
    }

    /// Nanoseconds in which an empty bucket fills.
    fn window(self) -> i64 {
        i64::from(self.capacity()) * self.interval()
    }
}

/// What is in a bucket, as the moment at which it will be full if nobody
/// takes anything: one number, which needs no writing while time passes (the
/// "virtual scheduling" form of the generic cell rate algorithm, ITU-T I.371
/// annex A). The unit is nanoseconds of whichever clock the caller reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    full_at: i64,
}

impl Level {
    /// A bucket that nobody has touched.
    pub(super) const FULL: Self = Self { full_at: i64::MIN };

    /// A bucket that is full at `full_at`.
    pub(super) fn full_at(full_at: i64) -> Self {
        Self { full_at }
    }

    /// A bucket that is empty at `now`.
    pub(super) fn empty(rate: Rate, now: i64) -> Self {
        Self {
            full_at: now.saturating_add(rate.window()),
        }
    }

    /// The moment at which the bucket is full.
    pub(super) fn when_full(self) -> i64 {
        self.full_at
    }

    /// What is missing, as the time in which it flows in. Never more than
    /// the whole: a clock that was ahead of ours must not lock anybody out.
    fn missing(self, rate: Rate, now: i64) -> i64 {
        self.full_at.saturating_sub(now).clamp(0, rate.window())
    }

    /// The calls that are in the bucket at `now`.
    pub(super) fn available(self, rate: Rate, now: i64) -> u32 {
        let calls = (rate.window() - self.missing(rate, now)) / rate.interval();
        u32::try_from(calls).unwrap_or(0)
    }

    /// The bucket without `calls` of what is in it; `None` when there are not
    /// as many.
    pub(super) fn take(self, rate: Rate, now: i64, calls: u32) -> Option<Self> {
        let missing = self.missing(rate, now) + i64::from(calls) * rate.interval();
        (missing <= rate.window()).then(|| Self {
            full_at: now.saturating_add(missing),
        })
    }

    /// The time until there is a call in the bucket.
    pub(super) fn wait(self, rate: Rate, now: i64) -> Duration {
        let room = rate.window() - self.missing(rate, now);
        let wait = rate.interval() - room;
        Duration::from_nanos(u64::try_from(wait).unwrap_or(0))
    }

    /// How many calls to lease of a bucket that an instance would like `want`
    /// of: a quarter of what there is, so that what lies unused with one
    /// instance is little where it is scarce, but no less than flows in
    /// between two questions, so that there are few questions.
    pub(super) fn block(self, rate: Rate, now: i64, want: u32) -> u32 {
        let available = self.available(rate, now);
        let least = rate.per_minute.div_ceil(POLLS_PER_MINUTE);
        want.min((available / 4).max(least)).min(available)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(per_minute: u32) -> Rate {
        Rate::per_minute(NonZeroU32::new(per_minute).unwrap())
    }

    /// A bucket as everybody thinks of it: an amount that grows with time up
    /// to the brim. In nanoseconds' worth, so that it is exact.
    struct Model {
        amount: i128,
        at: i64,
        interval: i128,
        brim: i128,
    }

    impl Model {
        fn new(per_minute: u32, at: i64) -> Self {
            let interval = 60_000_000_000 / i128::from(per_minute);
            let brim = 2 * i128::from(per_minute) * interval;
            Self {
                amount: brim,
                at,
                interval,
                brim,
            }
        }

        fn take(&mut self, now: i64, calls: u32) -> bool {
            self.amount = (self.amount + i128::from(now - self.at)).min(self.brim);
            self.at = now;
            let price = i128::from(calls) * self.interval;
            let enough = self.amount >= price;
            if enough {
                self.amount -= price;
            }
            enough
        }
    }

    proptest! {
        #[test]
        fn a_bucket_does_what_the_simple_model_does(
            per_minute in prop_oneof![1_u32..1_000, Just(Rate::MOST), Just(7)],
            start in 0_i64..4_000_000_000_000_000_000,
            steps in prop::collection::vec((0_i64..90_000_000_000, 1_u32..40), 1..200),
        ) {
            let rate = rate(per_minute);
            let mut model = Model::new(per_minute, start);
            let mut level = Level::FULL;
            let mut now = start;
            for (pause, calls) in steps {
                now += pause;
                let taken = level.take(rate, now, calls);
                let available = level.available(rate, now);
                prop_assert_eq!(taken.is_some(), model.take(now, calls));
                prop_assert_eq!(taken.is_some(), calls <= available);
                if let Some(taken) = taken {
                    prop_assert_eq!(taken.available(rate, now), available - calls);
                    level = taken;
                }
            }
        }

        #[test]
        fn after_the_wait_there_is_a_call_and_just_before_there_is_none(
            per_minute in 1_u32..100_000,
            now in 0_i64..4_000_000_000_000_000_000,
            taken in 0_u32..200_000,
        ) {
            let rate = rate(per_minute);
            let taken = taken.min(rate.capacity());
            let level = Level::FULL.take(rate, now, taken).unwrap();
            let wait = i64::try_from(level.wait(rate, now).as_nanos()).unwrap();
            prop_assert!(level.take(rate, now + wait, 1).is_some());
            prop_assert!(wait == 0 || level.take(rate, now + wait - 1, 1).is_none());
        }

        #[test]
        fn over_any_time_no_more_goes_through_than_capacity_and_refill(
            per_minute in 1_u32..1_000,
            pauses in prop::collection::vec(0_i64..5_000_000_000, 1..400),
        ) {
            let rate = rate(per_minute);
            let (mut level, mut now, mut through) = (Level::FULL, 0, 0_u32);
            for pause in pauses {
                now += pause;
                if let Some(taken) = level.take(rate, now, 1) {
                    level = taken;
                    through += 1;
                }
            }
            let refill = f64::from(per_minute) * Duration::from_nanos(now.unsigned_abs()).as_secs_f64() / 60.0;
            // The interval is cut to whole nanoseconds: a millionth too fast.
            let most = f64::from(rate.capacity()) + refill * 1.000_001;
            prop_assert!(f64::from(through) <= most + 1e-6, "{through} of {most}");
        }

        #[test]
        fn a_block_is_never_more_than_there_is_nor_than_is_wanted(
            per_minute in 1_u32..1_000_000,
            taken in 0_u32..2_000_000,
            want in 1_u32..100_000,
        ) {
            let rate = rate(per_minute);
            let level = Level::FULL.take(rate, 0, taken.min(rate.capacity())).unwrap();
            let available = level.available(rate, 0);
            let block = level.block(rate, 0, want);
            prop_assert!(block <= want && block <= available);
            prop_assert_eq!(block == 0, available == 0);
        }
    }

    #[test]
    fn a_level_from_a_clock_far_ahead_is_an_empty_bucket_and_no_more() {
        let rate = rate(100);
        let level = Level::full_at(i64::MAX);
        assert_eq!(level.available(rate, 0), 0);
        assert_eq!(level.wait(rate, 0), Duration::from_millis(600));
        assert_eq!(level, Level::full_at(i64::MAX));
        assert_eq!(Level::empty(rate, 0).available(rate, 600_000_000), 1);
    }
}
