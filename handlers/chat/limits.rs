//! How much, how long, how often.

use std::time::Duration;

/// Bounds of chat.
#[derive(Debug, Clone)]
pub struct ChatLimits {
    /// How often an answer that is coming in is stored.
    pub save_every: Duration,
    /// How long a turn may take.
    pub turn: Duration,
    /// How long a turn goes on after its client went away.
    pub background: Duration,
    /// Turns at a time.
    pub turns: usize,
    /// Turns at a time of one person.
    pub turns_of_one: usize,
    /// Turns at a time that go on without a client.
    pub background_turns: usize,
    /// How long a client may take nothing before it counts as gone.
    pub patience: Duration,
    /// Waits between attempts to store the end of an answer.
    pub last_write_waits: [Duration; 3],
}

impl Default for ChatLimits {
    fn default() -> Self {
        Self {
            save_every: Duration::from_secs(2),
            turn: Duration::from_mins(15),
            background: Duration::from_mins(5),
            turns: 2_048,
            turns_of_one: 32,
            background_turns: 256,
            patience: Duration::from_secs(30),
            last_write_waits: [
                Duration::from_millis(500),
                Duration::from_secs(2),
                Duration::from_secs(8),
            ],
        }
    }
}
