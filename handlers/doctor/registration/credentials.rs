//! How the application proves that it is itself.

use time::{Duration, OffsetDateTime};

use super::Expected;
use super::document::{Application, FederatedCredential};
use super::graph::Graph;
use crate::app::Ambient;
use crate::doctor::{Finding, Report};
use crate::fix::Fix;

/// What a managed identity's token is for (Microsoft Learn, "Configure an
/// application to trust a managed identity").
const EXCHANGE: &str = "api://AzureADTokenExchange";
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
    let Ok(trusted) = graph.list::<FederatedCredential>(&path).await else {
        report.skipped("federated credentials: the token may not read them");
        return;
    };
    let now = ambient.clock.now();
    let has_secret = ends(application).any(|end| end.is_none_or(|end| end > now));
    if trusted.is_empty() && expected.identity.is_none() {
        secrets_alone(report, expected, application, now, has_secret);
        return;
    }
    let fault = trusted
        .iter()
        .map(|credential| wrong(credential, expected))
        .min_by_key(Option::is_some)
        .unwrap_or_else(|| Some("there is none".to_owned()));
    match fault {
        None => report.good("it trusts the managed identity"),
        Some(reason) => report.found(Finding::fault(
            "federated-credential",
            format!("the application does not trust the managed identity: {reason}"),
            format!("{NO_SIGN_IN} (AADSTS70021, AADSTS700213)."),
            trust(expected),
        )),
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
            crate::terminal::printable(&credential.issuer)
        ));
    }
    let identity = expected.identity?;
    (credential.subject != identity.to_string()).then(|| {
        format!(
            "its subject is {}, not the identity's object id {identity}",
            crate::terminal::printable(&credential.subject)
        )
    })
}

fn trust(expected: &Expected) -> Fix {
    let issuer = expected.issuer.as_str();
    let subject = expected
        .identity
        .map_or_else(|| "IDENTITY-PRINCIPAL-ID".to_owned(), |id| id.to_string());
    let body = serde_json::json!({
        "name": "managed-identity", "issuer": issuer, "subject": subject, "audiences": [EXCHANGE],
    });
    Fix::new("Have it trust the identity's object (principal) id, not its client id (Bicep: infra/entra.bicep, identityPrincipalId):")
        .line("az identity show --name IDENTITY --resource-group GROUP --query principalId -o tsv")
        .line(format!(
            "az ad app federated-credential create --id {} --parameters '{body}'",
            expected.client_id
        ))
}

fn secrets_alone(
    report: &mut Report,
    expected: &Expected,
    application: &Application,
    now: OffsetDateTime,
    has_secret: bool,
) {
    if has_secret {
        report.good("it has a client secret or certificate");
        soon(report, expected, application, now);
        return;
    }
    let what = if ends(application).next().is_some() {
        "every client secret and certificate of the application has ended, and it trusts no managed identity"
    } else {
        "the application has no credential: no trust in a managed identity, no secret, no certificate"
    };
    report.found(Finding::fault(
        "federated-credential",
        what,
        format!("{NO_SIGN_IN} (AADSTS7000216, AADSTS7000222)."),
        trust(expected),
    ));
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
