//! The rows of the log: packs of entries, the head of each chain, and the
//! lists of heads.

use std::fmt::Write as _;

use entrada_tables::{Row, TableError};
use uuid::Uuid;

use super::hour::{hour_of_lists, lists_of, unreadable};
use super::{Entry, Hour, Place, chain};
use crate::identity::{KeyRing, SealError};

/// The table of the log.
pub const TABLE: &str = "entradaaudit";

/// UTF-16 units of entries in one row; a string has at most 32,768.
const PACK: usize = 28_000;
/// Heads in one row of a list.
pub(super) const HEADS: usize = 200;
/// Heads sort after packs, whose keys begin with a digit.
pub(super) const HEAD: &str = "head-";
const SECONDS_A_DAY: i64 = 86_400;

/// Where a chain stands: how many rows it has, and the HMAC of the last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Standing {
    pub(super) sequence: i64,
    pub(super) tag: String,
}

/// When rows of an hour end: all at once, so that no chain ends in parts.
pub(super) fn expires_at(hour: Hour, days: u32) -> i64 {
    hour.end() + i64::from(days) * SECONDS_A_DAY
}

/// Puts entries (JSON each) together into as few rows as they fit in; how
/// many went into each.
pub(super) fn pack<'a>(entries: impl IntoIterator<Item = &'a str>) -> Vec<(String, i64)> {
    let mut packs: Vec<(String, usize, i64)> = Vec::new();
    for entry in entries {
        let units = entry.encode_utf16().count() + 1;
        match packs.last_mut() {
            Some((text, used, count)) if *used + units <= PACK => {
                text.push(',');
                text.push_str(entry);
                *used += units;
                *count += 1;
            }
            _ => packs.push((format!("[{entry}"), units + 1, 1)),
        }
    }
    packs
        .into_iter()
        .map(|(text, _, count)| (text + "]", count))
        .collect()
}

/// The key of a pack: newest first, and unlike any other.
fn pack_key(place: Place, micros: i128, run: Uuid, sequence: i64) -> String {
    let since = micros - i128::from(place.hour.start().unix_timestamp()) * 1_000_000;
    let inverted = (9_999_999_999 - since).clamp(0, 9_999_999_999);
    // Rows of one batch share their moment: of them too the newest comes first.
    let inverted_sequence = (9_999_999_999 - sequence).clamp(0, 9_999_999_999);
    format!("{inverted:010}-{}-{inverted_sequence:010}", run.simple())
}

/// What every row of a batch shares.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) place: Place,
    pub(super) run: Uuid,
    pub(super) days: u32,
    /// When it is written, microseconds since the epoch.
    pub(super) micros: i128,
    pub(super) ring: &'a KeyRing,
}

impl Batch<'_> {
    /// The next row of a chain; `standing` moves on to it.
    pub(super) fn pack_row(
        &self,
        standing: &mut Standing,
        (entries, count): &(String, i64),
    ) -> Result<Row, SealError> {
        let sequence = standing.sequence + 1;
        let key = pack_key(self.place, self.micros, self.run, sequence);
        let row = Row::new(self.place.to_string(), key)
            .with("run", self.run.to_string())
            .with("sequence", sequence)
            .with("previous", standing.tag.as_str())
            .with("count", *count)
            .with("entries", entries.as_str())
            .with("expires_at", expires_at(self.place.hour, self.days));
        let (row, tag) = chain::sign(self.ring, row)?;
        *standing = Standing { sequence, tag };
        Ok(row)
    }

    /// The head of a chain that stands so.
    pub(super) fn head_row(&self, standing: &Standing) -> Result<Row, SealError> {
        let row = Row::new(self.place.to_string(), head_key(self.run))
            .with("run", self.run.to_string())
            .with("sequence", standing.sequence)
            .with("last", standing.tag.as_str())
            .with("expires_at", expires_at(self.place.hour, self.days));
        Ok(chain::sign(self.ring, row)?.0)
    }
}

pub(super) fn head_key(run: Uuid) -> String {
    format!("{HEAD}{run}")
}

pub(super) fn run_of(row: &Row) -> Result<Uuid, TableError> {
    Uuid::try_parse(row.text("run")?).map_err(|_| unreadable("a run"))
}

/// Where the chain of a head stands.
pub(super) fn standing_of_head(row: &Row) -> Result<Standing, TableError> {
    Ok(Standing {
        sequence: row.int64("sequence")?,
        tag: row.text("last")?.to_owned(),
    })
}

/// The entries of a pack, oldest first.
pub(super) fn entries_of(row: &Row) -> Result<Vec<Entry>, TableError> {
    serde_json::from_str(row.text("entries")?).map_err(|_| unreadable("a row"))
}

/// One row of the list of a run's heads of an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeadList {
    pub(super) hour: Hour,
    pub(super) run: Uuid,
    /// The place of this row among those of the list, and their number.
    pub(super) part: i64,
    pub(super) parts: i64,
    /// The hour before this one of which the run made a list.
    pub(super) previous: Option<Hour>,
    pub(super) heads: Vec<(Place, Standing)>,
}

pub(super) fn list_key(run: Uuid, part: i64) -> String {
    format!("{run}-{part:04}")
}

impl HeadList {
    pub(super) fn to_row(&self, ring: &KeyRing, days: u32) -> Result<Row, SealError> {
        let mut heads = String::new();
        for (place, standing) in &self.heads {
            // Writing to a string does not fail.
            let _ = writeln!(heads, "{place} {} {}", standing.sequence, standing.tag);
        }
        let row = Row::new(lists_of(self.hour), list_key(self.run, self.part))
            .with("run", self.run.to_string())
            .with("part", self.part)
            .with("parts", self.parts)
            .with_optional("previous", self.previous.map(|hour| hour.to_string()))
            .with("heads", heads)
            .with("expires_at", expires_at(self.hour, days));
        Ok(chain::sign(ring, row)?.0)
    }

    pub(super) fn from_row(row: &Row) -> Result<Self, TableError> {
        let previous = row
            .optional_text("previous")?
            .map(|text| Hour::parse(text).ok_or_else(|| unreadable("a list")));
        Ok(Self {
            hour: hour_of_lists(&row.partition).ok_or_else(|| unreadable("a list"))?,
            run: run_of(row)?,
            part: row.int64("part")?,
            parts: row.int64("parts")?,
            previous: previous.transpose()?,
            heads: row
                .text("heads")?
                .lines()
                .map(|line| head_line(line).ok_or_else(|| unreadable("a list")))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn head_line(line: &str) -> Option<(Place, Standing)> {
    let mut parts = line.split(' ');
    let (place, sequence, tag) = (parts.next()?, parts.next()?, parts.next()?);
    let standing = Standing {
        sequence: sequence.parse().ok()?,
        tag: tag.to_owned(),
    };
    Some((Place::parse(place)?, standing))
}
