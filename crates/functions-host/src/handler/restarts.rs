use std::time::Duration;

/// Failures that the host bears.
const THRESHOLD: usize = 3;

/// A failure so long after the previous one starts a new count.
const WINDOW: Duration = Duration::from_mins(30);

/// Counts the handler's failures (azure-functions-host,
/// `HttpFunctionInvocationDispatcher`).
#[derive(Debug, Default)]
pub(super) struct Restarts {
    failures: usize,
    last: Option<Duration>,
}

impl Restarts {
    /// Notes a failure at `now` (a monotonic reading) and says whether the
    /// handler is started again.
    pub(super) fn after_failure(&mut self, now: Duration) -> bool {
        if self
            .last
            .is_some_and(|last| now.saturating_sub(last) > WINDOW)
        {
            self.failures = 0;
        }
        self.failures += 1;
        self.last = Some(now);
        self.failures < THRESHOLD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_failure_ends_the_host() {
        let mut restarts = Restarts::default();
        assert!(restarts.after_failure(Duration::from_secs(1)));
        assert!(restarts.after_failure(Duration::from_secs(2)));
        assert!(!restarts.after_failure(Duration::from_secs(3)));
    }

    #[test]
    fn failures_before_a_quiet_half_hour_are_forgotten() {
        let mut restarts = Restarts::default();
        let minute = |minutes| Duration::from_mins(minutes);
        assert!(restarts.after_failure(minute(0)));
        assert!(restarts.after_failure(minute(30)));
        assert!(restarts.after_failure(minute(61)));
        assert!(restarts.after_failure(minute(62)));
        assert!(!restarts.after_failure(minute(63)));
    }
}
