//! Whether storage answers, as the limits see it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How often storage is tried while it is away: by one question each time.
const RETRY: Duration = Duration::from_secs(2);

/// Says so once when storage goes away and once when it is back.
#[derive(Debug, Default)]
pub(super) struct Outage {
    on: AtomicBool,
    /// Milliseconds of the monotonic clock.
    retry_at: AtomicU64,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Outage {
    /// Whether storage is away.
    pub(super) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Whether storage may be asked now: always while it answers, else one
    /// caller every two seconds.
    pub(super) fn may_ask(&self, now: Duration) -> bool {
        if !self.is_on() {
            return true;
        }
        let due = self.retry_at.load(Ordering::Relaxed);
        let next = millis(now + RETRY);
        millis(now) >= due
            && self
                .retry_at
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Storage did not answer.
    pub(super) fn began(&self, now: Duration, error: &str) {
        self.retry_at.store(millis(now + RETRY), Ordering::Relaxed);
        if !self.on.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                error,
                "limits: storage is away, so every instance limits by itself"
            );
        }
    }

    /// Storage answered.
    pub(super) fn ended(&self) {
        if self.is_on() && self.on.swap(false, Ordering::Relaxed) {
            tracing::info!("limits: storage answers again, so limits hold across instances");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_storage_is_away_one_caller_in_two_seconds_asks() {
        let outage = Outage::default();
        let at = Duration::from_millis;
        assert!(outage.may_ask(at(0)) && outage.may_ask(at(0)));
        outage.began(at(0), "away");
        assert!(outage.is_on() && !outage.may_ask(at(1_999)));
        assert!(outage.may_ask(at(2_000)));
        assert!(!outage.may_ask(at(2_000)) && !outage.may_ask(at(3_999)));
        outage.ended();
        assert!(!outage.is_on() && outage.may_ask(at(2_001)));
    }
}
