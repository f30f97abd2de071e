use std::fmt::{self, Debug, Formatter};

use url::Url;

/// Where a user consents to a tool's access. The link carries the state of the
/// flow, so whoever has it can take the flow over: it cannot be printed and
/// belongs in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct ConsentLink(Url);

impl ConsentLink {
    /// The link, to be handed to the user's browser and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl Debug for ConsentLink {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ConsentLink")
            .finish_non_exhaustive()
    }
}

/// The hosts that a consent link may have.
#[derive(Debug, Clone)]
pub(crate) struct ConsentHosts(Vec<String>);

impl ConsentHosts {
    /// Entries are hosts; `*.host` and `.host` mean the same. An empty entry
    /// is left out, since as a suffix it would allow everything.
    pub(crate) fn new(entries: &[String]) -> Self {
        Self(
            entries
                .iter()
                .map(|entry| {
                    entry
                        .trim()
                        .trim_start_matches("*.")
                        .trim_start_matches('.')
                        .to_ascii_lowercase()
                })
                .filter(|entry| !entry.is_empty())
                .collect(),
        )
    }

    /// The link, if it is https, names no user and its host is an entry or
    /// lies beneath one.
    pub(crate) fn check(&self, link: &str) -> Option<ConsentLink> {
        let url = Url::parse(link).ok()?;
        let host = url.host_str()?;
        let allowed = self.0.iter().any(|entry| {
            host.strip_suffix(entry.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        });
        let plain = url.username().is_empty() && url.password().is_none();
        (allowed && plain && url.scheme() == "https").then_some(ConsentLink(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> ConsentHosts {
        ConsentHosts::new(&crate::FoundrySettings::default_consent_hosts())
    }

    #[test]
    fn links_of_azures_consent_hosts_are_accepted() {
        for link in [
            "https://logic-swedencentral-001.consent.azure-apihub.net/login?data=x",
            "https://a.b.consent.azure-apim.net/",
            "https://consent.azure-apim.net/login",
            "https://LOGIC.CONSENT.azure-apihub.NET/login",
        ] {
            assert!(hosts().check(link).is_some(), "{link}");
        }
    }

    #[test]
    fn any_other_link_is_refused() {
        for link in [
            "http://logic.consent.azure-apihub.net/login",
            "https://evilconsent.azure-apihub.net/login",
            "https://consent.azure-apihub.net.evil.example/login",
            "https://evil.example/consent.azure-apihub.net",
            "https://evil.example/?https://consent.azure-apihub.net",
            "https://user@consent.azure-apihub.net/login",
            "https://consent.azure-apihub.net:pass@evil.example/",
            "https://consent.azure-apihub.net./login",
            "https://evil.example\\.consent.azure-apihub.net/",
            "javascript:alert(1)//consent.azure-apihub.net",
            "data:text/html,https://consent.azure-apihub.net",
            "//consent.azure-apihub.net/login",
            "",
            "https://",
        ] {
            assert!(hosts().check(link).is_none(), "{link}");
        }
    }

    #[test]
    fn an_empty_entry_allows_nothing() {
        let hosts = ConsentHosts::new(&[String::new(), ".".into(), "*.".into()]);
        assert!(hosts.check("https://example.org/").is_none());
        assert!(hosts.check("https://example.org./").is_none());
    }

    #[test]
    fn entries_may_be_written_with_a_wildcard() {
        let hosts = ConsentHosts::new(&["*.Consent.example".into()]);
        assert!(hosts.check("https://a.consent.example/x").is_some());
    }

    #[test]
    fn a_link_is_not_printed() {
        let link = hosts()
            .check("https://consent.azure-apim.net/login?data=secret")
            .unwrap();
        assert!(!format!("{link:?}").contains("secret"));
        assert!(link.expose().ends_with("data=secret"));
    }
}
