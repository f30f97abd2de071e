//! Addresses: the public one, and those of front ends.

use entrada_ambient::Environment;
use url::Url;

use super::setting_fix;
use crate::config::{Settings, Surroundings};
use crate::doctor::{Finding, Report};

/// What they follow from.
pub(super) const SETTINGS: [&str; 3] = [
    "ENTRADA_BASE_URL",
    "ENTRADA_CALLBACK_URL",
    "ENTRADA_CORS_ORIGINS",
];

pub(super) fn examine(report: &mut Report, settings: &Settings, environment: &dyn Environment) {
    base_url(report, settings);
    report.found_or_good(
        cors_origins(&settings.cors_origins),
        "redirect URIs and origins are such",
    );
    let hostname = environment.get("WEBSITE_HOSTNAME");
    let host = settings.base_url.authority();
    if let Some(name) = hostname.filter(|name| name != host) {
        report.good(format!(
            "the base URL has a domain of its own ({host} for {name}): its redirect URI must be \
             registered, which --entra looks at"
        ));
    }
}

fn base_url(report: &mut Report, settings: &Settings) {
    if settings.surroundings == Surroundings::Azure && settings.base_url.is_loopback() {
        report.found(Finding::fault(
            "base-url-local",
            format!(
                "the base URL is {}, and this is Azure",
                settings.base_url.as_str()
            ),
            "Clients are told to sign in at an address that leads to their own machine.",
            setting_fix(
                "Set the public address (Bicep: parameter customDomain, or none for Azure's own name):",
                "ENTRADA_BASE_URL",
                "https://SITE.azurewebsites.net",
            ),
        ));
    } else {
        report.good(format!(
            "the base URL is {}, the callback {}",
            settings.base_url.as_str(),
            settings.callback_url
        ));
    }
}

/// A finding for each that is none. What mends one names all, since the setting
/// holds them together.
fn cors_origins(origins: &[String]) -> Vec<Finding> {
    let mended: Vec<_> = origins
        .iter()
        .map(|origin| better(origin).unwrap_or_else(|| origin.clone()))
        .collect();
    let mended = mended.join(",");
    origins
        .iter()
        .filter(|origin| better(origin).is_some())
        .map(|origin| {
            Finding::fault(
                "cors-origin",
                format!("`{origin}` in ENTRADA_CORS_ORIGINS is no origin"),
                "Browsers name scheme, host and port alone, so the pages of this front end are \
                 refused.",
                setting_fix("Name the origin:", "ENTRADA_CORS_ORIGINS", &mended),
            )
        })
        .collect()
}

/// The origin that something which is none was meant to be. An origin is scheme,
/// host and port (RFC 6454 section 4), as browsers send it; anything else never
/// matches.
fn better(origin: &str) -> Option<String> {
    let parsed = Url::parse(origin).ok();
    let sound = parsed.as_ref().is_some_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.origin().ascii_serialization() == origin.trim_end_matches('/')
    });
    if sound {
        return None;
    }
    let origin = parsed
        .map(|url| url.origin().ascii_serialization())
        .filter(|origin| origin != "null");
    Some(origin.unwrap_or_else(|| "https://app.contoso.com".to_owned()))
}

#[cfg(test)]
mod tests {
    use entrada_ambient::FixedEnvironment;

    use super::*;
    use crate::doctor::Area;

    #[test]
    fn a_local_base_url_on_azure_is_a_fault() {
        let environment = FixedEnvironment::new([
            ("WEBSITE_POD_NAME", "pod"),
            ("ENTRADA_TENANT_ID", "c0170500-0000-4000-8000-000000000001"),
            ("ENTRADA_CLIENT_ID", "e17ada00-0000-4000-8000-000000000001"),
            ("ENTRADA_STORAGE", "https://account.table.core.windows.net"),
            ("ENTRADA_KEY_VAULT_URL", "https://example.vault.azure.net"),
        ]);
        let (settings, _) = Settings::load(&environment, false).unwrap();
        let mut report = Report::default();
        report.begin(Area::Local);
        examine(&mut report, &settings, &environment);
        let ids: Vec<_> = report.findings().map(|finding| finding.id).collect();
        assert_eq!(ids, ["base-url-local"]);
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for sound in [
            "https://a.example",
            "http://localhost:5173",
            "https://a.example/",
        ] {
            assert_eq!(better(sound), None, "{sound}");
        }
        for wrong in [
            "*",
            "a.example",
            "https://a.example/app",
            "https://a.example:443",
        ] {
            assert!(better(wrong).is_some(), "{wrong}");
        }
    }

    #[test]
    fn what_mends_one_origin_keeps_the_others() {
        let origins = ["https://a.example", "https://b.example/app", "c.example"];
        let findings = cors_origins(&origins.map(str::to_owned));
        assert_eq!(findings.len(), 2);
        for finding in findings {
            let line =
                "ENTRADA_CORS_ORIGINS=https://a.example,https://b.example,https://app.contoso.com";
            assert_eq!(finding.fix.copy[0], line);
        }
    }
}
