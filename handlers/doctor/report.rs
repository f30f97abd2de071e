//! What was looked at and what was found.

use serde::Serialize;

use crate::fix::Fix;

/// Where a check looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// Settings of this machine, and what they lead to.
    Local,
    /// A running server, from outside.
    Server,
    /// The application's registration in Entra.
    Registration,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Something does not work, or is open that should not be.
    Fault,
    /// It works, but somebody should look at it.
    Warning,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which fault it is, for programs and for docs/doctor.md.
    pub id: &'static str,
    /// How bad it is.
    pub grade: Grade,
    /// What is wrong.
    pub what: String,
    /// Why it matters.
    pub why: String,
    /// What mends it.
    pub fix: Fix,
}

impl Finding {
    /// A fault.
    pub fn fault(
        id: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        fix: Fix,
    ) -> Self {
        Self {
            id,
            grade: Grade::Fault,
            what: what.into(),
            why: why.into(),
            fix,
        }
    }

    /// A warning.
    pub fn warning(
        id: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        fix: Fix,
    ) -> Self {
        Self {
            grade: Grade::Warning,
            ..Self::fault(id, what, why, fix)
        }
    }
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Line {
    /// It is as it should be.
    Good {
        /// What was looked at.
        what: String,
    },
    /// It was not looked at.
    Skipped {
        /// What, and why not.
        what: String,
    },
    /// It is not as it should be.
    Found(Finding),
}

/// Everything that was looked at, area by area.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What came of each check, in the order in which they were made.
    pub areas: Vec<(Area, Vec<Line>)>,
}

impl Report {
    /// Everything that follows belongs to `area`.
    pub fn begin(&mut self, area: Area) {
        self.areas.push((area, Vec::new()));
    }

    fn push(&mut self, line: Line) {
        if let Some((_, lines)) = self.areas.last_mut() {
            lines.push(line);
        }
    }

    /// Notes that something is as it should be.
    pub fn good(&mut self, what: impl Into<String>) {
        self.push(Line::Good { what: what.into() });
    }

    /// Notes that something was not looked at.
    pub fn skipped(&mut self, what: impl Into<String>) {
        self.push(Line::Skipped { what: what.into() });
    }

    /// Notes a finding.
    pub fn found(&mut self, finding: Finding) {
        self.push(Line::Found(finding));
    }

    /// Notes each of `findings`, or that `what` is as it should be when there
    /// are none.
    pub fn found_or_good(
        &mut self,
        findings: impl IntoIterator<Item = Finding>,
        what: impl Into<String>,
    ) {
        let mut none = true;
        for finding in findings {
            none = false;
            self.found(finding);
        }
        if none {
            self.good(what);
        }
    }

    /// The findings of every area.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        let lines = self.areas.iter().flat_map(|(_, lines)| lines);
        lines.filter_map(|line| match line {
            Line::Found(finding) => Some(finding),
            Line::Good { .. } | Line::Skipped { .. } => None,
        })
    }

    /// How many findings are of this grade.
    #[must_use]
    pub fn count(&self, grade: Grade) -> usize {
        self.findings()
            .filter(|finding| finding.grade == grade)
            .count()
    }
}
