use std::time::{Duration, Instant};

/// Measures how long something takes, for people to read.
///
/// The seam of the product (`entrada-ambient`) is not used here: it would make
/// every command of the project wait for a TLS library to compile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    #[expect(
        clippy::disallowed_methods,
        reason = "decides nothing but a printed duration and a limit"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub(crate) fn read(self) -> Duration {
        self.0.elapsed()
    }
}
