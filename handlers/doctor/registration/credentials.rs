//! How the application proves that it is itself.

use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::Expected;
use super::document::{Application, FederatedCredential};
use super::graph::Graph;
use crate::app::Ambient;
use crate::doctor::{Finding, Report};
use crate::fix::{Fix, word};
use crate::terminal::printable;

/// What a managed identity's token is for (Microsoft Learn, "Configure an
/// application to trust a managed identity").
const EXCHANGE: &str = "api://AzureADTokenExchange";
/// What Bicep calls the trust in the managed identity (infra/entra.bicep).
const NAME: &str = "managed-identity";
/// A secret that ends sooner should be seen to.
const SOON: Duration = Duration::days(30);

const NO_SIGN_IN: &str = "Codes and refresh tokens cannot be redeemed: nobody can sign in";

pub(super) async fn examine(
    report: &mut Report,
    expected: &Expected,
    application: &Application,
    graph: &Graph<'_>,
    ambient: &Ambient,
) {
    let path = format!(
        "applications(appId='{}')/federatedIdentityCredentials",
        expected.client_id
    );
    let trusted = match graph.list::<FederatedCredential>(&path).await {
        Ok(trusted) => trusted,
        Err(error) => {
            report.skipped(format!("federated credentials: {error}"));
            return;
        }
    };
    let now = ambient.clock.now();
    let has_secret = ends(application).any(|end| end.is_none_or(|end| end > now));
    let sound = trusted
        .iter()
        .find(|credential| wrong(credential, expected).is_none());
    match (sound, expected.identity) {
        (Some(_), Some(_)) => report.good("it trusts the managed identity"),
        (Some(credential), None) => report.good(format!(
            "it trusts an identity (subject {}); --identity says whether it is yours",
            printable(&credential.subject)
        )),
        // What it trusts may then be somebody else's, such as a pipeline.
        (None, None) if has_secret => report.good("it has a client secret or certificate"),
        (None, None) if trusted.is_empty() => report.found(nothing(expected, application)),
        (None, _) => report.found(distrust(expected, &trusted)),
    }
    soon(report, expected, application, now);
}

fn ends(application: &Application) -> impl Iterator<Item = Option<OffsetDateTime>> {
    let all = application.password_credentials.iter();
    all.chain(&application.key_credentials)
        .map(|credential| credential.end_date_time)
}

/// What is wrong with a federated credential, if anything.
fn wrong(credential: &FederatedCredential, expected: &Expected) -> Option<String> {
    let issuer = expected.issuer.as_str();
    if !credential
        .audiences
        .iter()
        .any(|audience| audience == EXCHANGE)
    {
        return Some(format!("its audience is not {EXCHANGE}"));
    }
    if credential.issuer != issuer {
        return Some(format!(
            "its issuer is {}, not {issuer}",
            printable(&credential.issuer)
        ));
    }
    let identity = expected.identity?;
    (credential.subject != identity.to_string()).then(|| {
        format!(
            "its subject is {}, not the identity's object id {identity}",
            printable(&credential.subject)
        )
    })
}

/// The managed identity's object id, or a word that stands for it.
pub(super) fn identity(expected: &Expected) -> String {
    expected
        .identity
        .map_or_else(|| "IDENTITY-PRINCIPAL-ID".to_owned(), |id| id.to_string())
}

/// Nothing that is trusted is the managed identity.
fn distrust(expected: &Expected, trusted: &[FederatedCredential]) -> Finding {
    let meant = meant(expected, trusted);
    let reason = meant
        .and_then(|credential| Some((credential, wrong(credential, expected)?)))
        .map_or_else(
            || "no federated credential is for it".to_owned(),
            |(credential, reason)| {
                let name = printable(&credential.name);
                format!("look at its federated credential `{name}`: {reason}")
            },
        );
    Finding::fault(
        "federated-credential",
        format!("the application does not trust the managed identity: {reason}"),
        format!("{NO_SIGN_IN} (AADSTS70021, AADSTS700213)."),
        trust(expected, meant),
    )
}

/// The federated credential that is meant for the managed identity, if one is:
/// others are for pipelines or clusters.
fn meant<'a>(
    expected: &Expected,
    trusted: &'a [FederatedCredential],
) -> Option<&'a FederatedCredential> {
    let subject = expected.identity.map(|identity| identity.to_string());
    let find = |is_meant: &dyn Fn(&FederatedCredential) -> bool| {
        trusted.iter().find(|credential| is_meant(credential))
    };
    find(&|credential| subject.as_ref() == Some(&credential.subject))
        .or_else(|| find(&|credential| credential.name == NAME))
        .or_else(|| find(&|credential| credential.issuer == expected.issuer))
}

/// Changes the one that is meant, since names are unique, and so are issuer
/// and subject together (Microsoft Learn, "federatedIdentityCredential resource
/// type"); else adds one.
fn trust(expected: &Expected, meant: Option<&FederatedCredential>) -> Fix {
    let (client, issuer, subject) = (expected.client_id, &expected.issuer, identity(expected));
    let (command, body) = match meant {
        Some(credential) => (
            format!(
                "update --id {client} --federated-credential-id {}",
                word(&credential.name)
            ),
            json!({"issuer": issuer, "subject": subject, "audiences": [EXCHANGE]}),
        ),
        None => (
            format!("create --id {client}"),
            json!({"name": NAME, "issuer": issuer, "subject": subject, "audiences": [EXCHANGE]}),
        ),
    };
    Fix::new("Have it trust the identity's object (principal) id, not its client id (Bicep: infra/entra.bicep, identityPrincipalId):")
        .line("az identity show --name IDENTITY --resource-group GROUP --query principalId -o tsv")
        .line(format!(
            "az ad app federated-credential {command} --parameters {}",
            word(&body.to_string())
        ))
}

fn nothing(expected: &Expected, application: &Application) -> Finding {
    let what = if ends(application).next().is_some() {
        "every client secret and certificate of the application has ended, and it trusts no managed identity"
    } else {
        "the application has no credential: no trust in a managed identity, no secret, no certificate"
    };
    Finding::fault(
        "federated-credential",
        what,
        format!("{NO_SIGN_IN} (AADSTS7000216, AADSTS7000222)."),
        trust(expected, None),
    )
}

fn soon(report: &mut Report, expected: &Expected, application: &Application, now: OffsetDateTime) {
    let last = ends(application).flatten().max();
    if let Some(end) = last.filter(|end| *end > now && *end < now + SOON) {
        report.found(Finding::warning(
            "credential-ends",
            format!(
                "the last client secret or certificate ends on {}",
                end.date()
            ),
            "If it is in use, nobody can sign in from then on.",
            Fix::new("Make the next one, or leave secrets to the managed identity:").line(format!(
                "az ad app credential reset --id {} --append --query password -o tsv",
                expected.client_id
            )),
        ));
    }
}
