//! Settings some of which are at fault, for looking at what does not follow
//! from those.

use std::collections::BTreeSet;

use entrada_ambient::Environment;

use super::names::ALIASES;
use super::{Settings, SettingsFaults};

/// The settings as far as they can be read.
#[derive(Debug)]
pub struct Readable {
    /// The settings. Where one is at fault, something stands there that means
    /// nothing.
    pub settings: Settings,
    /// Settings that were given but mean nothing.
    pub warnings: Vec<String>,
    /// What is wrong with the settings.
    pub faults: SettingsFaults,
    unread: BTreeSet<String>,
}

impl Readable {
    /// Reads what can be read.
    ///
    /// # Errors
    /// All faults at once, when nothing of the rest can be had without them.
    pub fn load(environment: &dyn Environment, development: bool) -> Result<Self, SettingsFaults> {
        let mut faults = SettingsFaults::default();
        let mut unread = BTreeSet::new();
        loop {
            let without = Without {
                environment,
                unread: &unread,
            };
            let found = match Settings::load(&without, development) {
                Ok((settings, warnings)) => {
                    return Ok(Self {
                        settings,
                        warnings,
                        faults,
                        unread,
                    });
                }
                Err(found) => found,
            };
            let before = unread.len();
            unread.extend(found.names().map(str::to_owned));
            let has_more = unread.len() > before;
            // Later ones come of what stands in place of the first.
            if faults.is_empty() {
                faults = found;
            }
            if !has_more {
                return Err(faults);
            }
        }
    }

    /// The first of the settings `names` that could not be read, if any.
    #[must_use]
    pub fn unread<'name>(&self, names: &[&'name str]) -> Option<&'name str> {
        let mut names = names.iter().copied();
        names.find(|name| self.unread.contains(*name))
    }
}

/// What stands in place of settings that no server can do without.
const IN_PLACE: [(&str, &str); 5] = [
    ("ENTRADA_TENANT_ID", "00000000-0000-0000-0000-000000000000"),
    ("ENTRADA_CLIENT_ID", "00000000-0000-0000-0000-000000000000"),
    ("ENTRADA_CLIENT_SECRET", "unused"),
    ("ENTRADA_KEY_VAULT_URL", "https://unused.invalid"),
    ("ENTRADA_STORAGE", "https://unused.invalid"),
];

/// An environment without some settings, whatever they are called.
#[derive(Debug)]
struct Without<'a> {
    environment: &'a dyn Environment,
    unread: &'a BTreeSet<String>,
}

impl Environment for Without<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let own = ALIASES
            .iter()
            .find(|(_, aliases)| aliases.contains(&name))
            .map_or(name, |(own, _)| own);
        if !self.unread.contains(own) {
            return self.environment.get(name);
        }
        let in_place = IN_PLACE.iter().find(|(known, _)| *known == name);
        in_place.map(|(_, value)| (*value).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use entrada_ambient::FixedEnvironment;

    use super::*;

    #[test]
    fn what_is_at_fault_is_named_and_the_rest_is_read() {
        let environment = FixedEnvironment::new([
            ("AZURE_TENANT_ID", "contoso"),
            ("ENTRADA_CLIENT_ID", "e17ada00-0000-4000-8000-000000000001"),
            ("AzureWebJobsStorage__accountName", "no account"),
            ("ENTRADA_POLICY", "policy.json"),
            ("ENTRADA_LOG", "entrada=loud=er"),
        ]);
        let readable = Readable::load(&environment, false).unwrap();
        let faults: Vec<_> = readable.faults.names().collect();
        assert_eq!(
            faults,
            [
                "ENTRADA_TENANT_ID",
                "AzureWebJobsStorage__accountName",
                "ENTRADA_KEY_VAULT_URL",
                "ENTRADA_CLIENT_SECRET",
                "ENTRADA_LOG",
            ]
        );
        let policy = readable.settings.policy.as_deref();
        assert_eq!(policy, Some(std::path::Path::new("policy.json")));
        let client = readable.settings.entra.client_id.to_string();
        assert_eq!(client, "e17ada00-0000-4000-8000-000000000001");
        for name in ["ENTRADA_TENANT_ID", "ENTRADA_STORAGE"] {
            assert_eq!(readable.unread(&["ENTRADA_CLIENT_ID", name]), Some(name));
        }
        assert_eq!(
            readable.unread(&["ENTRADA_CLIENT_ID", "ENTRADA_POLICY"]),
            None
        );
    }
}
