//! What tokens say, and to whom they are given.

use entrada_entra::SignInAudience;
use serde_json::json;

use super::document::{Application, OptionalClaim};
use super::{Expected, patch};
use crate::doctor::{Finding, Report};
use crate::fix::{Fix, word};

pub(super) fn examine(report: &mut Report, expected: &Expected, application: &Application) {
    let client = expected.client_id;
    kind(report, expected, application);
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
    match expected.audience {
        Some(wanted) => audience(report, wanted, application),
        None => report.skipped("whose accounts sign in: it is not known whose are to come in"),
    }
}

/// Whether tokens tell applications from people. It matters where applications
/// may come in at all.
fn kind(report: &mut Report, expected: &Expected, application: &Application) {
    let claims = &application.optional_claims;
    if claims
        .access_token
        .iter()
        .any(|claim| claim.name == "idtyp")
    {
        report.good("its tokens say whether they are an application's (idtyp)");
        return;
    }
    let mut all = claims.clone();
    all.access_token.push(OptionalClaim::named("idtyp"));
    let finding = if expected.accepts_app_tokens {
        Finding::fault
    } else {
        Finding::warning
    };
    report.found(finding(
        "optional-claim",
        "the optional claim `idtyp` is missing",
        "Tokens of applications are refused, also where ENTRADA_ACCEPT_APP_TOKENS lets them in: \
         nothing tells them from id tokens.",
        Fix::new("Add it (the command names those that are there too, since it replaces them):")
            .line(format!(
                "az ad app update --id {} --optional-claims {}",
                expected.client_id,
                word(&json!(all).to_string())
            ))
            .line("optionalClaims: { accessToken: [{ name: 'idtyp' }] }    // Bicep"),
    ));
}

/// Whose accounts may sign in, by Entra and by the settings.
fn audience(report: &mut Report, wanted: SignInAudience, application: &Application) {
    let registered = SignInAudience::named(&application.sign_in_audience);
    if registered == Some(wanted) {
        report.good(format!(
            "it is for the accounts that may come in ({})",
            wanted.name()
        ));
        return;
    }
    let (finding, what, why): (fn(_, _, _, _) -> _, _, _) = match registered {
        Some(more) if more > wanted => (
            Finding::warning,
            "more people can sign in to the application than ENTRADA_TENANTS lets in",
            "Entrada refuses them afterwards, with a message that they do not expect.",
        ),
        Some(_) => (
            Finding::fault,
            "fewer people can sign in to the application than ENTRADA_TENANTS lets in",
            "Entra stops the others before Entrada sees them (AADSTS50020, AADSTS50194).",
        ),
        None => (
            Finding::fault,
            "nobody of an organisation can sign in to the application",
            "It is for personal accounts alone: Entra stops everybody else before Entrada sees \
             them.",
        ),
    };
    report.found(finding(
        "sign-in-audience",
        format!(
            "{what} ({}, not {})",
            crate::terminal::printable(&application.sign_in_audience),
            wanted.name()
        ),
        why,
        Fix::new("Make both say the same (Bicep: parameter tenants):").line(patch(
            application,
            &json!({"signInAudience": wanted.name()}),
        )),
    ));
}
