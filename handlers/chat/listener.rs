//! The turn's end of the client's connection.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::events::{Emitted, Position, TurnEvent};

/// Who listens to a turn, if anybody still does.
#[derive(Debug)]
pub(super) struct Listener {
    sender: Option<mpsc::Sender<Emitted>>,
    /// What the client has already, when it came back.
    has: Position,
    patience: Duration,
    needed: bool,
}

impl Listener {
    /// A client that has nothing yet, or came back with `has`. One that takes
    /// nothing for `patience` counts as gone.
    pub(super) fn new(sender: mpsc::Sender<Emitted>, has: Position, patience: Duration) -> Self {
        Self {
            sender: Some(sender),
            has,
            patience,
            needed: false,
        }
    }

    /// The same; `needed` says whether the turn ends without it.
    pub(super) fn needed(mut self, needed: bool) -> Self {
        self.needed = needed;
        self
    }

    pub(super) fn is_needed(&self) -> bool {
        self.needed
    }

    pub(super) fn is_there(&self) -> bool {
        self.sender.is_some()
    }

    /// Waits until the client goes away; for ever when it has gone.
    pub(super) async fn gone(&self) {
        match &self.sender {
            Some(sender) => sender.closed().await,
            None => std::future::pending().await,
        }
    }

    /// Forgets the client.
    pub(super) fn leave(&mut self) {
        self.sender = None;
    }

    /// The part of the text that the client does not have yet; the text ends
    /// at `position`.
    pub(super) fn unheard<'a>(&self, text: &'a str, position: &Position) -> Option<&'a str> {
        let begin = position.offset.saturating_sub(text.len());
        let heard = self.has.offset.saturating_sub(begin);
        text.get(heard..).filter(|rest| !rest.is_empty())
    }

    /// Tells the client, unless it has heard it before or is gone.
    pub(super) async fn tell(&mut self, emitted: Emitted) {
        let old = emitted.position.sequence < self.has.sequence;
        let last_word = matches!(
            emitted.event,
            TurnEvent::Delta(_) | TurnEvent::Completed(_) | TurnEvent::Failed(_)
        );
        if old && !last_word {
            return;
        }
        let Some(sender) = &self.sender else {
            return;
        };
        if !matches!(
            timeout(self.patience, sender.send(emitted)).await,
            Ok(Ok(()))
        ) {
            self.sender = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(offset: usize) -> Listener {
        let has = Position {
            offset,
            ..Position::default()
        };
        Listener::new(mpsc::channel(1).0, has, Duration::from_secs(1))
    }

    #[test]
    fn a_client_that_came_back_hears_no_byte_twice_and_misses_none() {
        let at = |offset| Position {
            offset,
            ..Position::default()
        };
        assert_eq!(listener(0).unheard("abcd", &at(4)), Some("abcd"));
        assert_eq!(listener(2).unheard("abcd", &at(4)), Some("cd"));
        assert_eq!(listener(4).unheard("abcd", &at(4)), None);
        assert_eq!(listener(9).unheard("abcd", &at(4)), None);
        assert_eq!(listener(4).unheard("efgh", &at(8)), Some("efgh"));
    }
}
