//! The application's registration in Entra, read through Microsoft Graph with
//! the token of somebody who may.

mod again;
mod api;
mod claims;
mod consent;
mod credentials;
mod document;
mod graph;
mod redirects;
mod roles;

use ::url::Url;
use entrada_entra::SignInAudience;
use secrecy::SecretString;
use uuid::Uuid;

use super::{Area, Finding, Report};
use crate::app::Ambient;
use crate::fix::{Fix, word};
use document::{Application, ServicePrincipal};
use graph::{Graph, GraphError};

/// What the registration should be.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The application's client id.
    pub client_id: Uuid,
    /// The home tenant.
    pub tenant_id: Uuid,
    /// The home tenant's issuer, which also issues a managed identity's
    /// tokens.
    pub issuer: String,
    /// The scope's name.
    pub scope: String,
    /// Redirect URIs that sign-ins use.
    pub callbacks: Vec<String>,
    /// Whose accounts sign in, where it is known whose people may come in.
    pub audience: Option<SignInAudience>,
    /// Whether applications may come in by tokens of their own.
    pub accepts_app_tokens: bool,
    /// Object id of the managed identity that signs in as the application,
    /// where it is known.
    pub identity: Option<Uuid>,
}

/// Looks at the registration. `graph` is Graph's address, `token` a delegated
/// token for it.
pub async fn examine(
    report: &mut Report,
    expected: &Expected,
    graph: &Url,
    token: SecretString,
    ambient: &Ambient,
) {
    report.begin(Area::Registration);
    let graph = Graph::new(graph, token, &ambient.http);
    let client = expected.client_id;
    let application: Application = match graph.one(&format!("applications(appId='{client}')")).await
    {
        Ok(Some(application)) => application,
        Ok(None) => {
            report.found(no_application(expected));
            return;
        }
        Err(error) => {
            report.found(not_readable(&error));
            return;
        }
    };
    report.good(format!(
        "the application {client} is registered as `{}`",
        crate::terminal::printable(&application.display_name)
    ));
    api::examine(report, expected, &application);
    claims::examine(report, expected, &application);
    redirects::examine(report, expected, &application);
    let roles_sound = roles::of_application(report, expected, &application);
    credentials::examine(report, expected, &application, &graph, ambient).await;
    let principal: Result<Option<ServicePrincipal>, _> = graph
        .one(&format!("servicePrincipals(appId='{client}')"))
        .await;
    match principal {
        Ok(Some(principal)) if principal.account_enabled => {
            report.good("its service principal is there, and people may sign in to it");
            consent::examine(report, expected, &principal, &graph).await;
            if roles_sound {
                roles::assignments(report, expected, &application, &graph).await;
            }
        }
        Ok(Some(_)) => report.found(Finding::fault(
            "service-principal",
            "the service principal is disabled",
            "Nobody can sign in (AADSTS7000112).",
            Fix::new("Enable it:").line(format!(
                "az ad sp update --id {client} --set accountEnabled=true"
            )),
        )),
        Ok(None) => report.found(Finding::fault(
            "service-principal",
            "the application has no service principal in this tenant",
            "Nobody can sign in, consent or be given a role (AADSTS7000229, AADSTS500011).",
            Fix::new("Make it:").line(format!("az ad sp create --id {client}")),
        )),
        Err(error) => report.found(not_readable(&error)),
    }
}

/// Says why the registration was not looked at.
pub fn not_examined(report: &mut Report, why: Finding) {
    report.begin(Area::Registration);
    report.found(why);
}

fn no_application(expected: &Expected) -> Finding {
    Finding::fault(
        "application",
        format!(
            "there is no application {} in the tenant of the token",
            expected.client_id
        ),
        "Nobody can sign in (AADSTS700016).",
        Fix::new(format!(
            "Sign in to the tenant {} and look at ENTRADA_CLIENT_ID; if there is none, register it:",
            expected.tenant_id
        ))
        .line(format!("az login --tenant {}", expected.tenant_id))
        .line("az ad app list --filter \"startswith(displayName, 'Entrada')\" --query '[].{name: displayName, id: appId}' --output table")
        .line(again::deployment("entrada-contoso")),
    )
}

fn not_readable(error: &GraphError) -> Finding {
    let (what, fix) = match error {
        GraphError::Token => (
            error.to_string(),
            Fix::new("Get a fresh one for Microsoft Graph:").line(
                "az account get-access-token --resource-type ms-graph --query accessToken --output tsv | entrada doctor --entra --graph-token -",
            ),
        ),
        GraphError::Denied => (
            "the token may not read application registrations".to_owned(),
            Fix::new(
                "Use the token of somebody who may: an owner of the application, or the role \
                 Application Developer, Cloud Application Administrator or Global Reader.",
            )
            .line("az login"),
        ),
        GraphError::Away(_) | GraphError::Long => (
            error.to_string(),
            Fix::new("Try again; if it stays, look whether this machine reaches it:")
                .line("curl -i 'https://graph.microsoft.com/v1.0/$metadata'"),
        ),
    };
    Finding::fault(
        "graph",
        what,
        "Nothing more can be said of the registration.",
        fix,
    )
}

/// A change of the application by Graph.
fn patch(application: &Application, body: &serde_json::Value) -> String {
    format!(
        "az rest --method patch --url https://graph.microsoft.com/v1.0/applications/{} --body {}",
        word(&application.id),
        word(&body.to_string())
    )
}
