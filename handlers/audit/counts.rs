//! Requests of callers who are not known: counted, and written as counts, so
//! that a flood of them is no flood of storage.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::Entry;

/// Most kinds that are told apart between two writes; both parts of a kind
/// are words of this program, so there are fewer.
const KINDS: usize = 256;

type Kind = (&'static str, &'static str);

/// How often what was refused since the last write.
#[derive(Debug, Default)]
pub(super) struct Counts {
    counts: Mutex<BTreeMap<Kind, u64>>,
}

impl Counts {
    pub(super) fn add(&self, method: &'static str, reason: &'static str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = counts.len() < KINDS || counts.contains_key(&(method, reason));
        let kind = if known {
            (method, reason)
        } else {
            ("other", "other")
        };
        *counts.entry(kind).or_default() += 1;
    }

    /// The counts as entries; they begin again at nothing.
    pub(super) fn take(&self) -> Vec<Entry> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *counts)
            .into_iter()
            .map(|((method, reason), count)| {
                let mut entry = Entry::new(method).refused(reason);
                entry.count = Some(count);
                entry
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_becomes_one_line() {
        let counts = Counts::default();
        for _ in 0..10_000 {
            counts.add("/mcp", "TOKEN_INVALID");
        }
        counts.add("/api", "TOKEN_MISSING");
        let lines: Vec<_> = counts.take().iter().map(|line| line.count).collect();
        assert_eq!(lines, [Some(1), Some(10_000)]);
        assert!(counts.take().is_empty());
    }
}
