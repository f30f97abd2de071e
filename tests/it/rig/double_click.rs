//! Codes that come twice.

use std::time::Duration;

use entrada_ambient::{Clock as _, SystemClock};

/// The same redemption again is a double click within so long (the server has
/// ten seconds, counted in whole ones); later it is theft, which ends the
/// sign-in.
const DOUBLE_CLICK: Duration = Duration::from_secs(9);

/// A code that is redeemed more than once, from its first use on.
pub(crate) struct DoubleClick(SystemClock);

impl DoubleClick {
    pub(crate) fn begin() -> Self {
        Self(SystemClock::new())
    }

    /// What the code gave is good for an answer of 200 yet; where the machine
    /// took so long that there was no double click, it may have ended.
    pub(crate) fn took_nothing(&self, status: u16) {
        let took = self.0.monotonic();
        let was_late = took >= DOUBLE_CLICK;
        assert!(
            status == 200 || (was_late && status == 401),
            "{status} after {took:?}"
        );
    }
}
