//! Whether an administrator has consented.

use super::Expected;
use super::document::{PermissionGrant, ServicePrincipal};
use super::graph::Graph;
use crate::doctor::{Finding, Report};
use crate::fix::Fix;

pub(super) async fn examine(
    report: &mut Report,
    expected: &Expected,
    principal: &ServicePrincipal,
    graph: &Graph<'_>,
) {
    // Both can be filtered by (Microsoft Learn, "oAuth2PermissionGrant resource
    // type"). Each person's own consent is one more.
    let path = format!(
        "oauth2PermissionGrants?$filter=clientId%20eq%20'{}'%20and%20consentType%20eq%20'AllPrincipals'",
        principal.id
    );
    let grants = match graph.list::<PermissionGrant>(&path).await {
        Ok(grants) => grants,
        Err(error) => {
            report.skipped(format!("consent: {error}"));
            return;
        }
    };
    let for_all = |own: bool, scope: &str| {
        grants.iter().any(|grant| {
            grant.consent_type == "AllPrincipals"
                && (grant.resource_id == principal.id) == own
                && grant
                    .scope
                    .split_ascii_whitespace()
                    .any(|name| name == scope)
        })
    };
    let command = format!(
        "az ad app permission admin-consent --id {}",
        expected.client_id
    );
    if for_all(true, &expected.scope) {
        report.good(format!(
            "an administrator has consented to {} for everybody",
            expected.scope
        ));
    } else {
        report.found(Finding::fault(
            "consent",
            format!(
                "no administrator has consented to the scope {} for everybody",
                expected.scope
            ),
            "People are asked for a consent that they cannot give (AADSTS65001, AADSTS90094).",
            Fix::new("An administrator (Cloud Application Administrator or above), once:")
                .line(&command),
        ));
    }
    if for_all(false, "User.Read") {
        report.good("an administrator has consented to User.Read of Microsoft Graph");
    } else {
        report.found(Finding::warning(
            "consent-graph",
            "no administrator has consented to User.Read of Microsoft Graph for everybody",
            "The tool graph_me asks each person for consent first.",
            Fix::new("The same command consents to all that the application asks for:")
                .line(command),
        ));
    }
}
