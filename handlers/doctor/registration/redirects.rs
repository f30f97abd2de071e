//! Where Entra sends people back to.

use super::Expected;
use super::document::Application;
use crate::doctor::{Finding, Report};
use crate::fix::{Fix, word};

pub(super) fn examine(report: &mut Report, expected: &Expected, application: &Application) {
    if expected.callbacks.is_empty() {
        report.skipped("redirect URIs: the settings do not say which one sign-ins use");
        return;
    }
    let findings: Vec<Finding> = expected
        .callbacks
        .iter()
        .filter(|callback| !is_registered(callback, &application.web.redirect_uris))
        .map(|callback| missing(callback, expected, application))
        .collect();
    report.found_or_good(findings, "its redirect URIs have the server's");
}

/// Exactly, but a loopback URI matches on any port (Microsoft Learn,
/// "Redirect URI restrictions", on localhost exceptions).
fn is_registered(callback: &str, registered: &[String]) -> bool {
    registered
        .iter()
        .any(|uri| uri == callback || without_loopback_port(uri) == without_loopback_port(callback))
}

fn without_loopback_port(uri: &str) -> Option<String> {
    let mut url = ::url::Url::parse(uri).ok()?;
    if !crate::config::is_loopback(&url) {
        return Some(uri.to_owned());
    }
    url.set_port(None).ok()?;
    Some(url.into())
}

fn missing(callback: &str, expected: &Expected, application: &Application) -> Finding {
    let elsewhere = [
        ("single-page application", &application.spa.redirect_uris),
        ("public client", &application.public_client.redirect_uris),
    ]
    .into_iter()
    .find(|(_, uris)| uris.iter().any(|uri| uri == callback));
    let (what, why) = match elsewhere {
        Some((platform, _)) => (
            format!("the redirect URI {callback} is registered for the platform {platform}"),
            "Codes that are sent there cannot be redeemed by a server (AADSTS9002327, AADSTS700025).",
        ),
        None => (
            format!("the redirect URI {callback} is not registered"),
            "Every sign-in ends at Entra with AADSTS50011.",
        ),
    };
    let mut all: Vec<String> = application
        .web
        .redirect_uris
        .iter()
        .map(|uri| word(uri))
        .collect();
    all.push(word(callback));
    Finding::fault(
        "redirect-uri",
        what,
        why,
        Fix::new(
            "Register it under the platform Web (the command names those that are there too, \
                  since it replaces them; Bicep: parameter hostNames or customDomain):",
        )
        .line(format!(
            "az ad app update --id {} --web-redirect-uris {}",
            expected.client_id,
            all.join(" ")
        )),
    )
}
