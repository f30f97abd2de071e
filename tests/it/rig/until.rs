//! Waiting for what takes as long as the machine lets it.

use std::time::Duration;

use entrada_ambient::{Clock as _, SystemClock};

const BETWEEN: Duration = Duration::from_millis(50);
/// Far longer than anything takes on a machine that is merely busy.
const LONGEST: Duration = Duration::from_mins(1);

/// Waits until `probe` says yes. Once a minute is over it is asked one last
/// time, so that a stall of the test itself decides nothing.
pub(crate) async fn until(what: &str, mut probe: impl AsyncFnMut() -> bool) {
    let clock = SystemClock::new();
    let began = clock.monotonic();
    loop {
        let waited = clock.monotonic().saturating_sub(began);
        if probe().await {
            return;
        }
        assert!(waited < LONGEST, "{what}: not within {waited:?}");
        tokio::time::sleep(BETWEEN).await;
    }
}
