//! The same refusal of the same caller again and again: the first one of a
//! minute is entered by itself, those that follow are counted, so that one
//! known caller's loop is no flood of storage either.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::Entry;

/// How long after the first one the same counts as a repetition.
const WINDOW: Duration = Duration::from_mins(1);

/// Most refusals that are remembered. What finds no place is entered one by
/// one.
const MOST: usize = 4096;

/// Tenant, object id, what was asked, of which agent, and why it was refused.
type Kind = (Option<Uuid>, Option<Uuid>, String, Option<String>, String);

struct Repeat {
    first: Duration,
    /// Those after the first that no line stands for yet.
    more: u64,
    entry: Entry,
}

/// Refusals of the last minute.
#[derive(Default)]
pub(super) struct Repeats {
    seen: Mutex<HashMap<Kind, Repeat>>,
}

impl std::fmt::Debug for Repeats {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Repeats").finish_non_exhaustive()
    }
}

fn kind(entry: &Entry) -> Kind {
    (
        entry.tenant,
        entry.user,
        entry.method.clone().into_owned(),
        entry.agent.clone(),
        entry.reason.clone().unwrap_or_default().into_owned(),
    )
}

impl Repeats {
    /// Counts the entry if it says what another one said within the last
    /// minute; `false`: it has to be entered by itself.
    pub(super) fn count(&self, entry: &Entry, now: Duration) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = kind(entry);
        if let Some(repeat) = seen.get_mut(&kind)
            && (repeat.more > 0 || now.saturating_sub(repeat.first) < WINDOW)
        {
            repeat.more += 1;
            return true;
        }
        if seen.len() < MOST || seen.contains_key(&kind) {
            let repeat = Repeat {
                first: now,
                more: 0,
                entry: entry.clone(),
            };
            seen.insert(kind, repeat);
        }
        false
    }

    /// Counts an entry after all that found no place by itself; `false` when
    /// there is no place here either.
    pub(super) fn count_anyway(&self, entry: &Entry) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(repeat) = seen.get_mut(&kind(entry)) else {
            return false;
        };
        repeat.more += 1;
        true
    }

    /// A line for each kind that was counted; what is older than a minute is
    /// forgotten.
    pub(super) fn take(&self, now: Duration) -> Vec<Entry> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines = Vec::new();
        seen.retain(|_, repeat| {
            if repeat.more > 0 {
                let mut line = repeat.entry.clone();
                line.count = Some(std::mem::take(&mut repeat.more));
                lines.push(line);
            }
            now.saturating_sub(repeat.first) < WINDOW
        });
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(user: u128, reason: &'static str) -> Entry {
        Entry::new("/mcp")
            .by(Uuid::from_u128(1), Uuid::from_u128(user))
            .refused(reason)
    }

    #[test]
    fn the_first_of_a_minute_stands_alone_and_the_rest_are_counted() {
        let repeats = Repeats::default();
        let at = Duration::from_secs;
        assert!(!repeats.count(&refusal(1, "a"), at(0)));
        for _ in 0..500 {
            assert!(repeats.count(&refusal(1, "a"), at(30)));
        }
        // Another person, another reason: a first one again.
        assert!(!repeats.count(&refusal(2, "a"), at(30)));
        assert!(!repeats.count(&refusal(1, "b"), at(30)));
        let lines = repeats.take(at(31));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].count, Some(500));
        assert_eq!(lines[0].user, Some(Uuid::from_u128(1)));
        assert!(repeats.take(at(32)).is_empty());
        assert!(!repeats.count(&refusal(1, "a"), at(60)));
    }

    #[test]
    fn what_was_counted_is_never_forgotten() {
        let repeats = Repeats::default();
        let at = Duration::from_secs;
        repeats.count(&refusal(1, "a"), at(0));
        repeats.count(&refusal(1, "a"), at(59));
        // The minute is over before the line is taken.
        assert!(repeats.count(&refusal(1, "a"), at(61)));
        assert_eq!(repeats.take(at(61))[0].count, Some(2));
        assert!(repeats.take(at(61)).is_empty());
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let repeats = Repeats::default();
        for user in 0..10_000 {
            assert!(!repeats.count(&refusal(user, "a"), Duration::ZERO));
        }
        assert_eq!(repeats.seen.lock().unwrap().len(), MOST);
        assert!(!repeats.count_anyway(&refusal(9_999, "a")));
        assert!(repeats.count_anyway(&refusal(1, "a")));
    }
}
