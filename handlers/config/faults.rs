//! What is wrong with the settings, all at once.

use std::fmt;

/// Every fault that was found in the settings, so that one start names them
/// all.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SettingsFaults {
    faults: Vec<(String, String)>,
}

impl SettingsFaults {
    /// Notes that `name` is at fault, and what to do about it.
    pub fn note(&mut self, name: &str, what: impl Into<String>) {
        self.faults.push((name.to_owned(), what.into()));
    }

    /// Whether nothing was noted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Each fault: the setting's name, and what is wrong with it and what to
    /// do about it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.faults
            .iter()
            .map(|(name, what)| (name.as_str(), what.as_str()))
    }

    /// The names of the settings at fault, in the order in which they were
    /// noted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.faults.iter().map(|(name, _)| name.as_str())
    }
}

impl fmt::Display for SettingsFaults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.faults.len();
        let plural = if count == 1 { "fault" } else { "faults" };
        write!(formatter, "{count} {plural} in the settings:")?;
        for (name, what) in &self.faults {
            write!(formatter, "\n  {name}: {what}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsFaults {}
