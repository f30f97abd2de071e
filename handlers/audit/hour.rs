//! Hours and tenants: how the log is divided into partitions.

use std::fmt;

use entrada_tables::TableError;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

const SECONDS: i64 = 3600;
const FORM: &[BorrowedFormatItem<'static>] = format_description!("[year][month][day][hour]");
const READ_FORM: &[BorrowedFormatItem<'static>] =
    format_description!("[year][month][day][hour][minute]");

/// What stands in the place of a tenant for callers who are not known.
const UNKNOWN: &str = "unknown";

/// The partitions of lists of heads begin with this, a hyphen follows.
const LISTS: &str = "runs";

/// An hour, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Hour {
    /// The hour of a moment. What other offsets can name beyond the last hour
    /// of UTC is that one.
    #[must_use]
    pub fn of(moment: OffsetDateTime) -> Self {
        let last = PrimitiveDateTime::MAX.assume_utc().unix_timestamp();
        Self(moment.unix_timestamp().min(last).div_euclid(SECONDS))
    }

    /// Reads `yyyyMMddHH`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment = PrimitiveDateTime::parse(&format!("{text}00"), READ_FORM).ok()?;
        Some(Self::of(moment.assume_utc()))
    }

    /// The hour before.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0 - 1)
    }

    /// When it begins.
    #[must_use]
    pub fn start(self) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::hours(self.0)
    }

    /// When it ends, epoch seconds.
    #[must_use]
    pub fn end(self) -> i64 {
        (self.0 + 1) * SECONDS
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.start().format(FORM).map_err(|_| fmt::Error)?;
        formatter.write_str(&text)
    }
}

/// A partition of entries: those of one tenant in one hour, or those of
/// nobody who is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The hour.
    pub hour: Hour,
    /// The tenant; none for callers who are not known.
    pub tenant: Option<Uuid>,
}

impl Place {
    /// The partition of this name, if it is one of entries.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (tenant, hour) = text.rsplit_once('-')?;
        let tenant = match tenant {
            UNKNOWN => None,
            tenant => Some(Uuid::try_parse(tenant).ok()?),
        };
        let hour = Hour::parse(hour)?;
        Some(Self { hour, tenant })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tenant {
            Some(tenant) => write!(formatter, "{tenant}-{}", self.hour),
            None => write!(formatter, "{UNKNOWN}-{}", self.hour),
        }
    }
}

/// The partition in which runs list their heads of an hour.
pub(super) fn lists_of(hour: Hour) -> String {
    format!("{LISTS}-{hour}")
}

/// The hour of a partition of lists, if it is one.
pub(super) fn hour_of_lists(partition: &str) -> Option<Hour> {
    let (prefix, hour) = partition.split_once('-')?;
    Hour::parse(hour).filter(|_| prefix == LISTS)
}

pub(super) fn unreadable(what: &str) -> TableError {
    TableError::Corrupt {
        reason: format!("{what} of the audit log cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn names_of_partitions_can_be_read_back() {
        let hour = Hour::of(datetime!(2026-11-21 09:59:59 UTC));
        assert_eq!(hour.to_string(), "2026112109");
        assert_eq!(hour.end(), datetime!(2026-11-21 10:00 UTC).unix_timestamp());
        let latest = datetime!(9999-12-31 23:59:59 -23:59);
        assert_eq!(Hour::of(latest).to_string(), "9999123123");
        for tenant in [None, Some(Uuid::from_u128(7))] {
            let place = Place { hour, tenant };
            assert_eq!(Place::parse(&place.to_string()), Some(place));
            assert_eq!(hour_of_lists(&place.to_string()), None);
        }
        assert_eq!(hour_of_lists(&lists_of(hour)), Some(hour));
        assert_eq!(Place::parse(&lists_of(hour)), None);
        assert_eq!(Place::parse("unknown-2026112124"), None);
    }
}
