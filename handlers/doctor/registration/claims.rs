//! What tokens say, and to whom they are given.

use super::document::Application;
use super::{Expected, patch};
use crate::doctor::{Finding, Report};
use crate::fix::Fix;

pub(super) fn examine(report: &mut Report, expected: &Expected, application: &Application) {
    let client = expected.client_id;
    let says_kind = application
        .optional_claims
        .access_token
        .iter()
        .any(|claim| claim.name == "idtyp");
    if says_kind {
        report.good("its tokens say whether they are an application's (idtyp)");
    } else {
        report.found(Finding::fault(
            "optional-claim",
            "the optional claim `idtyp` is missing",
            "Tokens of applications are refused: nothing tells them from id tokens.",
            Fix::new("Add it:")
                .line(format!(
                    "az ad app update --id {client} --optional-claims '{{\"accessToken\": [{{\"name\": \"idtyp\"}}]}}'"
                ))
                .line("optionalClaims: { accessToken: [{ name: 'idtyp' }] }    // Bicep"),
        ));
    }
    if application
        .web
        .implicit_grant_settings
        .enable_access_token_issuance
    {
        report.found(Finding::warning(
            "implicit-grant",
            "the implicit flow is on",
            "Access tokens can be had in the address of a page, where they leak. Entrada never \
             uses it.",
            Fix::new("Turn it off:").line(format!(
                "az ad app update --id {client} --enable-access-token-issuance false"
            )),
        ));
    }
    if let Some(wanted) = expected.audience {
        audience(report, wanted, application);
    }
}

/// Whose accounts may sign in, by Entra and by the settings.
fn audience(report: &mut Report, wanted: &str, application: &Application) {
    if application.sign_in_audience == wanted {
        report.good(format!(
            "it is for the accounts that may come in ({wanted})"
        ));
        return;
    }
    let (what, why) = if wanted == "AzureADMyOrg" {
        (
            "people of other organisations can sign in to the application",
            "Entrada refuses them afterwards, with a message that they do not expect.",
        )
    } else {
        (
            "only people of the home tenant can sign in to the application",
            "ENTRADA_TENANTS lets others in, and Entra stops them before (AADSTS50020, AADSTS50194).",
        )
    };
    let finding = if wanted == "AzureADMyOrg" {
        Finding::warning
    } else {
        Finding::fault
    };
    report.found(finding(
        "sign-in-audience",
        what,
        why,
        Fix::new("Make both say the same (Bicep: parameter tenants):").line(patch(
            application,
            &serde_json::json!({"signInAudience": wanted}),
        )),
    ));
}
