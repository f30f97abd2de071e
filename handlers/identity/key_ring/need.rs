//! What retired keys are still needed for.

use std::collections::BTreeSet;
use std::fmt;

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::{KeyState, KeyUse, StoredKey};

/// How long an instance may go on with the ring that it had: one that cannot
/// reach its key vault does not learn that a key has retired.
const OLD_RINGS: Duration = Duration::days(1);

/// How long a census counts after it ended. One is taken every day; when none
/// is any more, nobody knows what storage holds.
const CENSUS_COUNTS: Duration = Duration::days(7);

/// What the last complete look through everything that is sealed in storage
/// found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Census {
    /// When it began. What was sealed later it may not have seen.
    pub begun_at: OffsetDateTime,
    /// When it ended.
    pub ended_at: OffsetDateTime,
    /// The keys that it looked for.
    pub looked_for: BTreeSet<String>,
    /// Those of them that it found values under.
    pub found: BTreeSet<String>,
}

impl Census {
    /// Whether it looked for the key and found nothing under it.
    #[must_use]
    pub fn is_free_of(&self, kid: &str) -> bool {
        self.looked_for.contains(kid) && !self.found.contains(kid)
    }
}

/// What is known of what storage holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredValues {
    /// Storage was not asked, or did not answer.
    Unknown,
    /// It was never looked through.
    NeverCounted,
    /// What the last look through it found.
    Counted(Census),
}

/// Whether a retired key is needed. While in doubt it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Until then at least.
    Until(OffsetDateTime),
    /// Nobody noted when it retired.
    SinceWhenUnknown,
    /// Storage was not asked what it holds.
    StorageNotAsked,
    /// No look through storage is young enough, or began late enough.
    NotCounted,
    /// Storage holds what it encrypted.
    Stored,
    /// Nothing needs it.
    None,
}

impl fmt::Display for Need {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Until(until) => {
                let until = until.format(&Rfc3339).unwrap_or_default();
                write!(formatter, "needed until {until}")
            }
            Self::SinceWhenUnknown => formatter.write_str("needed; nobody noted since when"),
            Self::StorageNotAsked => {
                formatter.write_str("kept: storage was not asked what it holds")
            }
            Self::NotCounted => formatter
                .write_str("kept: no sweep has looked through storage since it was used last"),
            Self::Stored => formatter
                .write_str("needed: storage holds what it encrypted; sweeps re-encrypt that"),
            Self::None => formatter.write_str("goes with the next rotation"),
        }
    }
}

impl StoredKey {
    /// Whether anything needs this key; `None` unless it has retired.
    pub(super) fn need(&self, stored: &StoredValues, now: OffsetDateTime) -> Option<Need> {
        if self.state != KeyState::Retired {
            return None;
        }
        let Some(retired_at) = self.retired_at else {
            return Some(Need::SinceWhenUnknown);
        };
        let lives = match self.key_use {
            // Our access tokens.
            KeyUse::Sig => Duration::hours(1),
            // What it encrypted is counted, since some of it lives for ever.
            KeyUse::Enc => Duration::ZERO,
            // The audit log, of all that is authenticated: ten years at most.
            KeyUse::Mac => Duration::days(3653),
        };
        let used_until = retired_at + OLD_RINGS;
        if used_until + lives > now {
            return Some(Need::Until(used_until + lives));
        }
        Some(match (self.key_use, stored) {
            (KeyUse::Sig | KeyUse::Mac, _) => Need::None,
            (KeyUse::Enc, StoredValues::Unknown) => Need::StorageNotAsked,
            (KeyUse::Enc, StoredValues::NeverCounted) => Need::NotCounted,
            (KeyUse::Enc, StoredValues::Counted(census)) => self.need_by(census, used_until, now),
        })
    }

    fn need_by(&self, census: &Census, used_until: OffsetDateTime, now: OffsetDateTime) -> Need {
        if census.found.contains(&self.kid) {
            return Need::Stored;
        }
        let counts = census.begun_at >= used_until && census.ended_at + CENSUS_COUNTS > now;
        if counts && census.is_free_of(&self.kid) {
            Need::None
        } else {
            Need::NotCounted
        }
    }
}
