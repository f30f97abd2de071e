//! Faults of the set-up, which end the start.

use std::fmt;

use thiserror::Error;

/// A fault of the set-up that ends the start. What is merely away does not.
#[derive(Debug, Error)]
#[error("{setting}: {what}")]
pub struct StartError {
    setting: &'static str,
    what: String,
}

impl StartError {
    pub(crate) fn new(setting: &'static str, what: impl Into<String>) -> Self {
        Self {
            setting,
            what: what.into(),
        }
    }

    /// What is wrong with it.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The setting that is at fault.
    pub(crate) fn setting(&self) -> &'static str {
        self.setting
    }
}

/// Every fault of the set-up that was found.
#[derive(Debug, Error)]
pub struct StartErrors(Vec<StartError>);

impl fmt::Display for StartErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let plural = if count == 1 { "fault" } else { "faults" };
        write!(formatter, "{count} {plural} in the settings:")?;
        for fault in &self.0 {
            write!(formatter, "\n  {fault}")?;
        }
        Ok(())
    }
}

impl From<StartError> for StartErrors {
    fn from(error: StartError) -> Self {
        Self(vec![error])
    }
}

/// Collects faults, so that one start names them all.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<StartError>);

impl Faults {
    /// What there is, or nothing and a fault more.
    pub(super) fn keep<T>(&mut self, result: Result<T, StartError>) -> Option<T> {
        result.map_err(|error| self.0.push(error)).ok()
    }

    /// All faults, one by one.
    pub(super) fn into_vec(self) -> Vec<StartError> {
        self.0
    }

    /// All faults.
    pub(super) fn into_errors(self) -> StartErrors {
        StartErrors(self.0)
    }
}
