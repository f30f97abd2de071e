//! Reads the whole log again and says what does not hold together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use entrada_tables::{Continuation, Query, Row, TableError, Tables};
use uuid::Uuid;

use super::chain::{self, Seal};
use super::hour::{hour_of_lists, lists_of};
use super::rows::{HEAD, HeadList, Standing, TABLE, run_of, standing_of_head};
use super::{Hour, Place};
use crate::identity::KeyRing;

/// A time at which every row that ends has ended: the last second of 9999.
const END_OF_TIME: i64 = 253_402_300_799;

/// Which part of the log to look at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope {
    /// Only this tenant.
    pub tenant: Option<Uuid>,
    /// The first hour.
    pub from: Option<Hour>,
    /// The last hour.
    pub to: Option<Hour>,
}

impl Scope {
    fn has_hour(&self, hour: Hour) -> bool {
        self.from.is_none_or(|from| from <= hour) && self.to.is_none_or(|to| hour <= to)
    }

    fn has(&self, place: Place) -> bool {
        self.has_hour(place.hour) && (self.tenant.is_none() || self.tenant == place.tenant)
    }
}

/// Something that does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The partition.
    pub partition: String,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.partition, self.what)
    }
}

/// What was read, and what was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Partitions that were read.
    pub partitions: usize,
    /// Chains that were followed.
    pub chains: usize,
    /// Entries that their rows say they hold.
    pub entries: i64,
    /// What does not hold together; empty for a log that is whole.
    pub findings: Vec<Finding>,
}

impl Report {
    fn find(&mut self, partition: &str, what: impl Into<String>) {
        self.findings.push(Finding {
            partition: partition.to_owned(),
            what: what.into(),
        });
    }
}

/// What the lists of heads say of places, by run: where a chain stood at
/// least, and when the list ends.
type Listed = BTreeMap<Place, BTreeMap<Uuid, (Standing, i64)>>;

/// Reads every row of the log within `scope` and checks it: each row by its
/// HMAC, each chain from its first row to its head, each head against the
/// lists of its run. `now` is in epoch seconds: what has expired may be gone.
///
/// A log that is being written meanwhile is judged by the heads that stood
/// when the check began.
///
/// # Errors
/// When storage cannot be read. What is merely wrong is a finding.
pub async fn verify(
    tables: &dyn Tables,
    ring: &KeyRing,
    scope: Scope,
    now: i64,
) -> Result<Report, TableError> {
    let mut check = Check {
        tables,
        ring,
        scope,
        now,
        report: Report::default(),
    };
    let partitions = check.partitions().await?;
    let listed = check.lists(&partitions).await?;
    let mut places: BTreeSet<Place> = partitions
        .iter()
        .filter_map(|name| Place::parse(name))
        .collect();
    places.extend(listed.keys());
    for place in places.into_iter().filter(|place| scope.has(*place)) {
        check.place(place, listed.get(&place)).await?;
    }
    let mut report = check.report;
    for name in &partitions {
        if Place::parse(name).is_none() && hour_of_lists(name).is_none() {
            report.find(name, "is no partition that this program writes");
        }
    }
    report.findings.sort();
    Ok(report)
}

struct Check<'a> {
    tables: &'a dyn Tables,
    ring: &'a KeyRing,
    scope: Scope,
    now: i64,
    report: Report,
}

/// A row of a chain, without what it holds.
struct Link {
    previous: String,
    tag: String,
}

/// A chain as it was found.
#[derive(Default)]
struct Found {
    head: Option<Standing>,
    links: BTreeMap<i64, Link>,
    /// Everything that was found of it has expired.
    expired: bool,
}

impl Check<'_> {
    /// The names of all partitions: rows of the log all end some time, so
    /// that they are found as the sweep finds them.
    async fn partitions(&self) -> Result<BTreeSet<String>, TableError> {
        let mut names = BTreeSet::new();
        let mut continuation: Option<Continuation> = None;
        loop {
            let page = self
                .tables
                .expired(TABLE, END_OF_TIME, 1000, continuation.as_ref())
                .await?;
            names.extend(page.rows.into_iter().map(|row| row.partition));
            continuation = page.continuation;
            if continuation.is_none() {
                return Ok(names);
            }
        }
    }

    async fn each_row(
        &mut self,
        query: Query,
        mut then: impl FnMut(&mut Self, Row),
    ) -> Result<(), TableError> {
        let mut query = query.limit(200);
        loop {
            let page = self.tables.query(TABLE, &query).await?;
            for row in page.rows {
                then(self, row);
            }
            match page.continuation {
                Some(continuation) => query = query.after(continuation),
                None => return Ok(()),
            }
        }
    }

    /// Whether a row is as it was written; a finding if not.
    fn is_sound(&mut self, row: &Row) -> bool {
        let what = match chain::check(self.ring, row) {
            Seal::Sound => return true,
            Seal::Broken => "was altered, moved or not written by this server",
            Seal::UnknownKey => "names a key that the key ring does not have",
        };
        self.report
            .find(&row.partition, format!("row {} {what}", row.row));
        false
    }

    /// Reads the lists of heads in scope.
    async fn lists(&mut self, partitions: &BTreeSet<String>) -> Result<Listed, TableError> {
        let mut listed = Listed::new();
        let mut lists: BTreeMap<(Hour, Uuid), Vec<(HeadList, i64)>> = BTreeMap::new();
        let hours: Vec<Hour> = partitions
            .iter()
            .filter_map(|name| hour_of_lists(name))
            .collect();
        for hour in hours {
            self.each_row(Query::partition(lists_of(hour)), |check, row| {
                if !check.scope.has_hour(hour) || !check.is_sound(&row) {
                    return;
                }
                match HeadList::from_row(&row) {
                    Ok(list) => {
                        let ends = row.expires_at().unwrap_or(i64::MAX);
                        let key = (hour, list.run);
                        lists.entry(key).or_default().push((list, ends));
                    }
                    Err(error) => check.report.find(&row.partition, error.to_string()),
                }
            })
            .await?;
        }
        for ((hour, run), parts) in &lists {
            self.list(*hour, *run, parts, &lists);
            for (list, ends) in parts {
                for (place, standing) in &list.heads {
                    let of_place = listed.entry(*place).or_default();
                    of_place.insert(*run, (standing.clone(), *ends));
                }
            }
        }
        Ok(listed)
    }

    /// A list has all its parts, and the one before it is there.
    fn list(
        &mut self,
        hour: Hour,
        run: Uuid,
        parts: &[(HeadList, i64)],
        lists: &BTreeMap<(Hour, Uuid), Vec<(HeadList, i64)>>,
    ) {
        let Some((first, ends)) = parts.first() else {
            return;
        };
        if *ends <= self.now {
            return;
        }
        let stated = usize::try_from(first.parts).unwrap_or(usize::MAX);
        if stated > parts.len() {
            let what = format!("the list of heads of run {run} lacks a part");
            self.report.find(&lists_of(hour), what);
        }
        let Some(previous) = first.previous.filter(|hour| self.scope.has_hour(*hour)) else {
            return;
        };
        let ended = ends - (hour.end() - previous.end()) <= self.now;
        if !ended && !lists.contains_key(&(previous, run)) {
            let what = format!("the list of heads of run {run} was removed");
            self.report.find(&lists_of(previous), what);
        }
    }

    /// Reads a partition of entries. Heads first: rows that are written
    /// meanwhile lie beyond them.
    async fn place(
        &mut self,
        place: Place,
        listed: Option<&BTreeMap<Uuid, (Standing, i64)>>,
    ) -> Result<(), TableError> {
        let partition = place.to_string();
        let mut chains: BTreeMap<Uuid, Found> = BTreeMap::new();
        let heads = Query::partition(partition.as_str()).prefix(HEAD);
        self.each_row(heads, |check, row| check.head(&row, &mut chains))
            .await?;
        let rows = Query::partition(partition.as_str());
        self.each_row(rows, |check, row| check.link(&row, &mut chains))
            .await?;
        for (run, (standing, ends)) in listed.into_iter().flatten() {
            if *ends > self.now {
                let found = chains.entry(*run).or_default();
                found.expired = false;
                self.against_list(&partition, *run, found, standing);
            }
        }
        self.report.partitions += 1;
        for (run, found) in chains {
            self.report.chains += 1;
            if !found.expired {
                self.chain(&partition, run, &found);
            }
        }
        Ok(())
    }

    fn head(&mut self, row: &Row, chains: &mut BTreeMap<Uuid, Found>) {
        if !self.is_sound(row) {
            return;
        }
        match (run_of(row), standing_of_head(row)) {
            (Ok(run), Ok(standing)) => {
                let found = chains.entry(run).or_default();
                found.head = Some(standing);
                found.expired = row.is_expired(self.now);
            }
            _ => self
                .report
                .find(&row.partition, format!("row {} cannot be read", row.row)),
        }
    }

    fn link(&mut self, row: &Row, chains: &mut BTreeMap<Uuid, Found>) {
        if row.row.starts_with(HEAD) {
            return;
        }
        if !self.is_sound(row) {
            return;
        }
        let read = || -> Result<_, TableError> {
            let (run, sequence) = (run_of(row)?, row.int64("sequence")?);
            let (previous, tag) = (row.text("previous")?, row.text(chain::TAG)?);
            Ok((run, sequence, previous, tag, row.int64("count")?))
        };
        match read() {
            Ok((run, sequence, previous, tag, count)) => {
                self.report.entries += count;
                let expired = row.is_expired(self.now);
                let found = chains.entry(run).or_insert_with(|| Found {
                    expired,
                    ..Found::default()
                });
                let link = Link {
                    previous: previous.to_owned(),
                    tag: tag.to_owned(),
                };
                found.links.insert(sequence, link);
            }
            Err(error) => self.report.find(&row.partition, error.to_string()),
        }
    }

    fn against_list(&mut self, partition: &str, run: Uuid, found: &Found, listed: &Standing) {
        let reached = found.head.as_ref().map_or(0, |head| head.sequence);
        if reached < listed.sequence {
            let what = format!(
                "the chain of run {run} was cut off: its list knows {} rows, its head {reached}",
                listed.sequence
            );
            self.report.find(partition, what);
        } else if let Some(link) = found.links.get(&listed.sequence)
            && link.tag != listed.tag
        {
            let what = format!(
                "row {} of run {run} is not the one that its list knows",
                listed.sequence
            );
            self.report.find(partition, what);
        }
    }

    /// A chain is whole from its first row to its head.
    fn chain(&mut self, partition: &str, run: Uuid, found: &Found) {
        let Some(head) = &found.head else {
            self.report
                .find(partition, format!("the head of run {run} was removed"));
            return;
        };
        let mut missing: Vec<i64> = Vec::new();
        let mut gaps = 0_usize;
        let mut before = Some("");
        for sequence in 1..=head.sequence {
            let Some(link) = found.links.get(&sequence) else {
                gaps += 1;
                if missing.len() < 10 {
                    missing.push(sequence);
                }
                before = None;
                continue;
            };
            if before.is_some_and(|tag| tag != link.previous) {
                let what = format!("row {sequence} of run {run} does not follow the one before it");
                self.report.find(partition, what);
            }
            before = Some(&link.tag);
        }
        if gaps > 0 {
            let numbers: Vec<String> = missing.iter().map(ToString::to_string).collect();
            let what = format!(
                "{gaps} of the {} rows of run {run} are missing or not to be trusted: {}",
                head.sequence,
                numbers.join(", ")
            );
            self.report.find(partition, what);
        }
        let last = found.links.get(&head.sequence);
        if last.is_some_and(|link| link.tag != head.tag) {
            let what = format!("the last row of run {run} is not the one that its head knows");
            self.report.find(partition, what);
        }
    }
}
