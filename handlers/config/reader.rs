//! Reads single settings, noting each fault instead of stopping at the first.

use std::collections::BTreeSet;
use std::str::FromStr;

use entrada_ambient::Environment;
use secrecy::SecretString;
use url::Url;

use super::SettingsFaults;
use super::base_url::is_loopback;
use super::names::{ALIASES, FORBIDDEN_SWITCHES, MEANINGLESS};

/// Where the process runs, which decides what addresses it may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surroundings {
    /// `entrada dev`: stand-ins on loopback, plain http allowed.
    Development,
    /// Anywhere else than Azure: https to others, loopback allowed.
    Elsewhere,
    /// An Azure Functions instance: https to others, loopback refused.
    Azure,
}

/// What is wrong with an address of this machine on Azure.
pub(super) const NOT_THIS_MACHINE: &str =
    "must not be this machine: nothing else runs there on Azure";

pub(super) struct Reader<'a> {
    environment: &'a dyn Environment,
    surroundings: Surroundings,
    pub(super) faults: SettingsFaults,
    pub(super) warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a dyn Environment, surroundings: Surroundings) -> Self {
        let mut reader = Self {
            environment,
            surroundings,
            faults: SettingsFaults::default(),
            warnings: Vec::new(),
        };
        reader.look_for_forgotten_variables();
        reader
    }

    fn look_for_forgotten_variables(&mut self) {
        for (name, truth) in FORBIDDEN_SWITCHES {
            let value = self.environment.get(name);
            if value.is_some_and(|value| {
                matches!(
                    value.trim().to_ascii_lowercase().as_str(),
                    "false" | "f" | "0" | "off" | "no" | "n"
                )
            }) {
                self.faults.note(
                    name,
                    format!("would turn a protection off, but {truth}. Remove it."),
                );
            }
        }
        for (names, why) in MEANINGLESS {
            for name in *names {
                if self.environment.get(name).is_some() {
                    self.warnings
                        .push(format!("{name} has no meaning any more: {why}"));
                }
            }
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        let aliases = ALIASES
            .iter()
            .find(|(own, _)| *own == name)
            .map_or(&[][..], |(_, aliases)| aliases);
        std::iter::once(&name)
            .chain(aliases)
            .find_map(|name| self.environment.get(name))
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// Whether the setting is given by Entrada's own name for it.
    pub(super) fn has_own(&self, name: &str) -> bool {
        self.environment.get(name).is_some()
    }

    pub(super) fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    pub(super) fn required<T: FromStr>(&mut self, name: &str, form: &str) -> Option<T> {
        let Some(text) = self.text(name) else {
            self.faults
                .note(name, format!("is not set; it must be {form}"));
            return None;
        };
        self.parse(name, &text, form)
    }

    pub(super) fn optional<T: FromStr>(&mut self, name: &str, form: &str) -> Option<T> {
        let text = self.text(name)?;
        self.parse(name, &text, form)
    }

    fn parse<T: FromStr>(&mut self, name: &str, text: &str, form: &str) -> Option<T> {
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.faults.note(name, format!("must be {form}"));
        }
        parsed
    }

    pub(super) fn flag(&mut self, name: &str, default: bool) -> bool {
        match self.text(name).map(|text| text.to_ascii_lowercase()) {
            None => default,
            Some(text) => match text.as_str() {
                "true" | "1" | "on" | "yes" => true,
                "false" | "0" | "off" | "no" => false,
                _ => {
                    self.faults.note(name, "must be `true` or `false`");
                    default
                }
            },
        }
    }

    /// A list separated by commas, spaces or semicolons, or a JSON array of
    /// strings.
    pub(super) fn list(&mut self, name: &str) -> Vec<String> {
        let Some(text) = self.text(name) else {
            return Vec::new();
        };
        if text.starts_with('[') {
            return serde_json::from_str(&text).unwrap_or_else(|_| {
                self.faults
                    .note(name, "looks like a JSON array but is not one of strings");
                Vec::new()
            });
        }
        text.split([',', ';', ' ', '\n'])
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn set<T: FromStr + Ord>(&mut self, name: &str, form: &str) -> Option<BTreeSet<T>> {
        self.text(name)?;
        let items = self.list(name);
        if items.is_empty() {
            // Of what is not set everybody is on the list.
            self.faults.note(
                name,
                format!("names nobody; it must be a list, each {form}"),
            );
            return None;
        }
        let parsed: Option<BTreeSet<T>> = items.iter().map(|item| item.parse().ok()).collect();
        if parsed.is_none() {
            self.faults
                .note(name, format!("must be a list, each {form}"));
        }
        parsed
    }

    /// The address of somebody else, or `default` where none is set.
    pub(super) fn address_or(&mut self, name: &str, default: &str) -> Option<Url> {
        match self.text(name) {
            Some(_) => self.address(name),
            None => Url::parse(default).ok(),
        }
    }

    /// The address of somebody else: https outside development, and not
    /// this machine on Azure.
    pub(super) fn address(&mut self, name: &str) -> Option<Url> {
        let url: Url = self.optional(name, "a URL")?;
        let plain = url.scheme() != "https";
        if plain && self.surroundings != Surroundings::Development {
            self.faults.note(name, "must begin with https://");
            return None;
        }
        if self.surroundings == Surroundings::Azure && is_loopback(&url) {
            self.faults.note(name, NOT_THIS_MACHINE);
            return None;
        }
        Some(url)
    }
}
