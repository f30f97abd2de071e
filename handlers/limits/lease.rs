//! What an instance has in hand of a bucket: one word, one atomic operation.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Calls of a known caller that are served while a lease is being fetched.
const CREDIT: i32 = 2;

/// Tenths of a second of the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u32);

impl Tick {
    pub(super) fn of(monotonic: Duration) -> Self {
        let tenths = monotonic.as_secs() * 10 + u64::from(monotonic.subsec_nanos() / 100_000_000);
        Self(u32::try_from(tenths).unwrap_or(u32::MAX))
    }

    pub(super) fn plus(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(10)))
    }
}

/// The calls that are left, and until when. Fewer than none: served on
/// credit, to be paid by the next block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hand {
    left: i32,
    until: Tick,
}

impl Hand {
    /// The debt alone when the time is over: what is left then is not given
    /// back and not used either.
    fn at(self, now: Tick) -> Self {
        let left = if now < self.until {
            self.left
        } else {
            self.left.min(0)
        };
        Self { left, ..self }
    }

    fn unpack(word: u64) -> Self {
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default();
        Self {
            until: Tick(half(word >> 32)),
            left: half(word).cast_signed(),
        }
    }

    fn pack(self) -> u64 {
        (u64::from(self.until.0) << 32) | u64::from(self.left.cast_unsigned())
    }
}

/// A call that was taken from a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    /// What is left after it.
    pub(super) left: u32,
    /// Until when the rest may be used.
    pub(super) until: Tick,
}

/// A block of calls in hand.
#[derive(Debug)]
pub(super) struct Lease(AtomicU64);

impl Lease {
    /// Nothing in hand.
    pub(super) fn none() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Takes one call; `None` when none is left or the time is over.
    pub(super) fn take(&self, now: Tick) -> Option<Taken> {
        let before = self.change(|hand| {
            let hand = hand.at(now);
            (hand.left > 0).then(|| Hand {
                left: hand.left - 1,
                ..hand
            })
        })?;
        Some(Taken {
            left: u32::try_from(before.left - 1).unwrap_or(0),
            until: before.until,
        })
    }

    /// Takes one call that the next block will pay; false when there is debt
    /// enough.
    pub(super) fn take_on_credit(&self, now: Tick) -> bool {
        let change = |hand: Hand| {
            let hand = hand.at(now);
            (hand.left > -CREDIT).then(|| Hand {
                left: hand.left - 1,
                ..hand
            })
        };
        self.change(change).is_some()
    }

    /// Adds a block that may be used until `until`, and answers what is in
    /// hand now: debts are paid from it.
    pub(super) fn add(&self, calls: u32, now: Tick, until: Tick) -> u32 {
        let calls = i32::try_from(calls).unwrap_or(i32::MAX);
        let with_block = |hand: Hand| Hand {
            left: hand.at(now).left.saturating_add(calls),
            until,
        };
        let before = self.change(|hand| Some(with_block(hand)));
        before.map_or(0, |hand| u32::try_from(with_block(hand).left).unwrap_or(0))
    }

    /// What is in hand.
    pub(super) fn left(&self, now: Tick) -> u32 {
        u32::try_from(self.hand().at(now).left).unwrap_or(0)
    }

    /// What is in hand or was when its time ended.
    pub(super) fn unused(&self) -> u32 {
        u32::try_from(self.hand().left).unwrap_or(0)
    }

    fn hand(&self) -> Hand {
        Hand::unpack(self.0.load(Ordering::Acquire))
    }

    /// Changes the word in one step, or not at all; answers what was there.
    fn change(&self, change: impl Fn(Hand) -> Option<Hand>) -> Option<Hand> {
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
                change(Hand::unpack(word)).map(Hand::pack)
            })
            .ok()
            .map(Hand::unpack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(seconds: u64) -> Tick {
        Tick::of(Duration::from_secs(seconds))
    }

    #[test]
    fn a_block_is_used_up_call_by_call_and_ends_with_its_time() {
        let lease = Lease::none();
        assert_eq!(lease.take(tick(0)), None);
        assert_eq!(lease.add(3, tick(0), tick(5)), 3);
        let taken = lease.take(tick(1)).unwrap();
        assert_eq!((taken.left, taken.until), (2, tick(5)));
        assert_eq!(lease.take(tick(5)), None, "its time is over");
        assert_eq!((lease.left(tick(5)), lease.unused()), (0, 2));
        assert_eq!(lease.add(1, tick(5), tick(10)), 1, "what was left is gone");
    }

    #[test]
    fn credit_is_two_calls_and_the_next_block_pays() {
        let lease = Lease::none();
        assert!(lease.take_on_credit(tick(0)) && lease.take_on_credit(tick(0)));
        assert!(!lease.take_on_credit(tick(0)));
        assert_eq!(lease.add(1, tick(0), tick(5)), 0);
        assert_eq!(lease.take(tick(0)), None);
        assert!(lease.take_on_credit(tick(0)) && !lease.take_on_credit(tick(0)));
        assert_eq!(lease.add(4, tick(0), tick(5)), 2);
    }

    #[test]
    fn a_block_that_comes_before_the_last_is_used_up_is_added() {
        let lease = Lease::none();
        lease.add(4, tick(0), tick(5));
        assert_eq!(lease.add(6, tick(4), tick(9)), 10);
        assert!(lease.take(tick(6)).is_some());
    }

    #[test]
    fn what_several_threads_take_is_what_there_was() {
        let lease = Lease::none();
        lease.add(10_000, tick(0), tick(5));
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| (0..5_000).filter(|_| lease.take(tick(1)).is_some()).count())
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        });
        assert_eq!(taken, 10_000);
    }
}
