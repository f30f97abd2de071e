use std::collections::BTreeMap;
use std::fmt;

use entrada_ambient::{Environment, ProcessEnvironment};

/// The app settings of a run, and beneath them this process's environment when
/// the handler inherits it.
#[derive(Clone)]
pub(crate) struct AppSettings {
    values: BTreeMap<String, String>,
    inherit: bool,
}

impl fmt::Debug for AppSettings {
    /// Settings hold secrets: their names alone are shown.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AppSettings")
            .field("names", &self.values.keys())
            .field("inherit", &self.inherit)
            .finish_non_exhaustive()
    }
}

impl AppSettings {
    pub(crate) fn new(values: BTreeMap<String, String>, inherit: bool) -> Self {
        Self { values, inherit }
    }

    /// The value of a setting, `None` when it is not set.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.values
            .get(name)
            .cloned()
            .or_else(|| self.inherit.then(|| ProcessEnvironment.get(name)).flatten())
    }

    /// Whether a setting says `true` or `1`, the host's two ways of yes.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    /// Every setting given for this run (not the inherited environment).
    pub(crate) fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `text` with each `%NAME%` replaced by that setting; an unknown name
    /// stays as it was written, as .NET's `ExpandEnvironmentVariables` leaves it.
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            expanded.push_str(before);
            let Some((name, remainder)) = after.split_once('%') else {
                expanded.push('%');
                rest = after;
                continue;
            };
            if let Some(value) = self.get(name) {
                expanded.push_str(&value);
                rest = remainder;
            } else {
                expanded.push('%');
                rest = after;
            }
        }
        expanded.push_str(rest);
        expanded
    }

    /// A binding member that is wholly `%NAME%` (a timer's schedule, say)
    /// resolved; other text as it is.
    ///
    /// # Errors
    /// The host's own text when the setting does not exist
    /// (azure-webjobs-sdk, `NameResolverExtensions`).
    pub(crate) fn resolve(&self, text: &str) -> Result<String, String> {
        match text
            .strip_prefix('%')
            .and_then(|inner| inner.strip_suffix('%'))
        {
            Some(name) if !name.is_empty() => self
                .get(name)
                .ok_or_else(|| format!("'%{name}%' does not resolve to a value.")),
            _ => Ok(text.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> AppSettings {
        let values = [("PLACE", "bin"), ("SCHEDULE", "0 */5 * * * *")];
        AppSettings::new(
            values
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
            false,
        )
    }

    #[test]
    fn known_names_expand_and_unknown_ones_stay() {
        assert_eq!(settings().expand("%PLACE%/handler"), "bin/handler");
        assert_eq!(settings().expand("100%/%PLACE%/%X%"), "100%/bin/%X%");
        assert_eq!(settings().expand("no names"), "no names");
    }

    #[test]
    fn a_schedule_may_come_from_a_setting() {
        assert_eq!(settings().resolve("%SCHEDULE%").unwrap(), "0 */5 * * * *");
        assert_eq!(
            settings().resolve("%NONE%").unwrap_err(),
            "'%NONE%' does not resolve to a value."
        );
    }
}
