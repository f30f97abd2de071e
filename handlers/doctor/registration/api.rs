//! The API that the application exposes: its name, its scope, the format of
//! its tokens, and who gets them without asking.

use serde_json::json;

use super::again::in_portal_or_again;
use super::document::{Application, Scope};
use super::{Expected, patch};
use crate::doctor::{Finding, Report};
use crate::fix::{Fix, word};

/// Visual Studio Code, which signs in to Entra directly where a server names
/// it.
pub(super) const VISUAL_STUDIO_CODE: &str = "aebc6443-996d-45c2-90f0-388ff96faa56";

pub(super) fn examine(report: &mut Report, expected: &Expected, application: &Application) {
    let own = format!("api://{}", expected.client_id);
    if application.identifier_uris.contains(&own) {
        report.good(format!("its API is called {own}"));
    } else {
        report.found(identifier(expected, &own, application));
    }
    let scopes = &application.api.oauth2_permission_scopes;
    let scope = scopes
        .iter()
        .find(|scope| scope.value == expected.scope && scope.is_enabled);
    match scope {
        None => report.found(no_scope(expected, application)),
        Some(scope) => {
            report.good(format!("its scope {} is there", expected.scope));
            consent_by(report, scope, expected, application);
            pre_authorized(report, scope, application);
        }
    }
    if application.api.requested_access_token_version == Some(2) {
        report.good("its tokens have the version 2 format");
    } else {
        report.found(Finding::warning(
            "token-version",
            "its tokens have the version 1 format",
            "Entrada takes both; libraries that compare `iss` with the metadata refuse version 1.",
            Fix::new("Ask for version 2 (Bicep: requestedAccessTokenVersion: 2):").line(patch(
                application,
                &json!({"api": {"requestedAccessTokenVersion": 2}}),
            )),
        ));
    }
}

fn identifier(expected: &Expected, own: &str, application: &Application) -> Finding {
    let mut all: Vec<_> = application
        .identifier_uris
        .iter()
        .map(|uri| word(uri))
        .collect();
    all.push(own.to_owned());
    Finding::fault(
        "identifier-uri",
        format!("the application has no Application ID URI {own}"),
        "Clients that ask for its scope by name get AADSTS500011.",
        Fix::new(
            "Set it (the command names those that are there too, since it replaces them; Bicep: \
             identifierUris: ['api://${clientId}'], in the second pass):",
        )
        .line(format!(
            "az ad app update --id {} --identifier-uris {}",
            expected.client_id,
            all.join(" ")
        )),
    )
}

fn no_scope(expected: &Expected, application: &Application) -> Finding {
    Finding::fault(
        "scope",
        format!(
            "the application exposes no enabled scope {}",
            expected.scope
        ),
        "Nobody can sign in: it is what every sign-in asks for (AADSTS65001, AADSTS70011).",
        in_portal_or_again(
            "enable it or add it under Expose an API",
            expected,
            application,
        )
        .line(show_scopes(expected)),
    )
}

fn show_scopes(expected: &Expected) -> String {
    format!(
        "az ad app show --id {} --query api.oauth2PermissionScopes",
        expected.client_id
    )
}

fn consent_by(report: &mut Report, scope: &Scope, expected: &Expected, application: &Application) {
    if scope.consent == "Admin" {
        return;
    }
    report.found(Finding::warning(
        "scope-consent",
        format!("anybody may consent to the scope {}", scope.value),
        "A person can be talked into letting a strange client use tools in their name.",
        in_portal_or_again(
            "leave consent to administrators under Expose an API (Bicep: type: 'Admin')",
            expected,
            application,
        )
        .line(show_scopes(expected)),
    ));
}

fn pre_authorized(report: &mut Report, scope: &Scope, application: &Application) {
    let has = application
        .api
        .pre_authorized_applications
        .iter()
        .any(|client| {
            client.app_id == VISUAL_STUDIO_CODE
                && client.delegated_permission_ids.contains(&scope.id)
        });
    if has {
        report.good("Visual Studio Code is pre-authorised");
        return;
    }
    let mut clients: Vec<_> = application
        .api
        .pre_authorized_applications
        .iter()
        .filter(|client| client.app_id != VISUAL_STUDIO_CODE)
        .map(|client| {
            json!({"appId": client.app_id, "delegatedPermissionIds": client.delegated_permission_ids})
        })
        .collect();
    clients.push(json!({"appId": VISUAL_STUDIO_CODE, "delegatedPermissionIds": [scope.id]}));
    report.found(Finding::warning(
        "pre-authorized-clients",
        "Visual Studio Code is not pre-authorised",
        "Where it signs in to Entra directly, people are asked for a consent that they cannot give.",
        Fix::new("Pre-authorise it:")
            .line(patch(
                application,
                &json!({"api": {"preAuthorizedApplications": clients}}),
            ))
            .line(format!("preAuthorizedClientIds: ['{VISUAL_STUDIO_CODE}']    // Bicep")),
    ));
}
