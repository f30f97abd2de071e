//! `entrada doctor`: what is wrong with a set-up, and what mends it.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use entrada_ambient::ProcessEnvironment;
use entrada_entra::{Discovery, SignInAudience};
use secrecy::SecretString;
use serde_json::json;
use uuid::Uuid;

use super::azure_cli;
use super::deployment::{Deployment, DeploymentError, callback, readable_settings};
use super::explain::{base_url, print};
use super::serve::{Failure, ambient, runtime};
use super::standard_input;
use crate::app::Ambient;
use crate::config::{BaseUrl, Settings, SettingsFaults};
use crate::doctor::registration::{self, Expected};
use crate::doctor::{Finding, Grade, Report, local, url};
use crate::fix::Fix;
use crate::terminal::Terminal;

/// Finds what is wrong with a set-up, and says what mends it
///
/// Three areas, together or each by itself:
///
///   --local  (what it does without options) the settings of this environment
///            and all that they lead to: policy, agents, key ring, storage,
///            Entra, its keys, the clock, the application's credential
///   --url    a running server as clients see it, without a token: metadata,
///            sign-in, cookies, CORS, headers, streaming, the MCP doors, the
///            caller's address, base URL and custom domain
///   --entra  the application's registration, through Microsoft Graph: roles,
///            scope, optional claims, redirect URIs, credentials, consent
///
/// Each finding says what is wrong, why it matters, and the command or line that
/// mends it. Nothing is changed, and no wait is longer than a minute.
///
/// Exits with 1 when there is a fault, with 0 when there is none (warnings do
/// not count).
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub(super) struct DoctorArguments {
    /// Looks at this environment's settings and what they lead to
    #[arg(long)]
    local: bool,
    /// Looks at the server at this base URL
    #[arg(long, value_name = "URL", value_parser = base_url)]
    url: Option<BaseUrl>,
    /// Looks at the application's registration in Entra
    #[arg(long)]
    entra: bool,
    /// Takes a token for Microsoft Graph from standard input (`-`); without
    /// it, the Azure CLI is asked for one (`az login` first)
    #[arg(long, value_name = "-", value_parser = ["-"], requires = "entra")]
    graph_token: Option<String>,
    /// Client id of the application; else the server's (--url), else
    /// `ENTRADA_CLIENT_ID`
    #[arg(long, value_name = "GUID", requires = "entra")]
    client_id: Option<Uuid>,
    /// Object (principal) id of the managed identity that signs in as the
    /// application: `azd env get-value ENTRADA_IDENTITY_PRINCIPAL_ID`
    #[arg(long, value_name = "GUID", requires = "entra")]
    identity: Option<Uuid>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  After a deployment with azd:
    entrada doctor --url \"$(azd env get-value ENTRADA_BASE_URL)\" --entra \\
      --identity \"$(azd env get-value ENTRADA_IDENTITY_PRINCIPAL_ID)\"

  The settings of a local run:
    set -a; . ./.env; entrada doctor

  In a pipeline, with a token of its own; prints the faults alone:
    az account get-access-token --resource-type ms-graph --query accessToken -o tsv |
      entrada doctor --url https://entrada.contoso.com --entra --graph-token - --json |
      jq '.areas[][1][] | select(.grade == \"fault\")'

docs/doctor.md lists every finding.";

pub(super) fn run(arguments: &DoctorArguments) -> Result<ExitCode, Failure> {
    let ambient = ambient()?;
    let report = runtime()?.block_on(examine(arguments, &ambient));
    if arguments.json {
        let text = json!({
            "faults": report.count(Grade::Fault),
            "warnings": report.count(Grade::Warning),
            "areas": report.areas,
        });
        print(&serde_json::to_string_pretty(&text).map_err(Failure::other)?)?;
    } else {
        print(&report.render(&Terminal::of_standard_output(&ProcessEnvironment)))?;
    }
    Ok(if report.count(Grade::Fault) == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn examine(arguments: &DoctorArguments, ambient: &Ambient) -> Report {
    let mut report = Report::default();
    if arguments.local || (arguments.url.is_none() && !arguments.entra) {
        local::examine(&mut report, &ProcessEnvironment, ambient).await;
    }
    if let Some(base) = &arguments.url {
        url::examine(&mut report, base, ambient).await;
    }
    if arguments.entra
        && let Err(why) = examine_registration(&mut report, arguments, ambient).await
    {
        registration::not_examined(&mut report, why);
    }
    report
}

/// Looks at the registration, unless something is in the way. What was found
/// elsewhere stands whatever it is.
async fn examine_registration(
    report: &mut Report,
    arguments: &DoctorArguments,
    ambient: &Ambient,
) -> Result<(), Finding> {
    let (settings, expected) = expected(arguments, ambient).await?;
    let token = match arguments.graph_token {
        Some(_) => read_token().map_err(no_token)?,
        None => azure_cli::graph_token(expected.tenant_id)
            .await
            .map_err(|trouble| trouble.finding())?,
    };
    registration::examine(report, &expected, &settings.graph_url, token, ambient).await;
    Ok(())
}

/// What the registration should be: by the server if one is named, else by
/// the settings.
async fn expected(
    arguments: &DoctorArguments,
    ambient: &Ambient,
) -> Result<(Settings, Expected), Finding> {
    let mut given = Vec::new();
    if let Some(base) = &arguments.url {
        let deployment = Deployment::ask(base, &ambient.http)
            .await
            .map_err(|error| unnamed_by_server(&error))?;
        given = deployment.settings();
    }
    let by_server = !given.is_empty();
    if let Some(client_id) = arguments.client_id {
        given.retain(|(name, _)| *name != "ENTRADA_CLIENT_ID");
        given.push(("ENTRADA_CLIENT_ID", client_id.to_string()));
    }
    let readable = readable_settings(given).map_err(|faults| unnamed_by_settings(&faults))?;
    if readable.unread(&OF_APPLICATION).is_some() {
        return Err(unnamed_by_settings(&readable.faults));
    }
    let callback_known = readable.unread(&OF_CALLBACK).is_none();
    let audience_known = readable.unread(&["ENTRADA_TENANTS"]).is_none();
    let settings = readable.settings;
    let redirect_uri = match &arguments.url {
        Some(base) => {
            let callback = callback(base, &ambient.http).await;
            Some(callback.unwrap_or_else(|| base.join("/auth/callback")))
        }
        None => callback_known.then(|| settings.callback_url.to_string()),
    };
    let expected = Expected {
        client_id: settings.entra.client_id,
        tenant_id: settings.entra.tenant_id,
        issuer: issuer(&settings, ambient).await,
        scope: settings.entra.required_scope.clone(),
        callbacks: redirect_uri.into_iter().collect(),
        // A server does not say whose people may come in.
        audience: (!by_server && audience_known)
            .then(|| SignInAudience::of(&settings.entra.tenancy)),
        accepts_app_tokens: settings.entra.accept_app_tokens,
        identity: arguments.identity,
    };
    Ok((settings, expected))
}

/// The home tenant's issuer as the authority names it, else as it is
/// documented ("OIDC on the Microsoft identity platform").
async fn issuer(settings: &Settings, ambient: &Ambient) -> String {
    let entra = Arc::new(settings.entra.clone());
    let tenant = entra.tenant_id;
    let authority = entra.authority.as_str().trim_end_matches('/').to_owned();
    let discovery = Discovery::new(entra, ambient.http.clone(), ambient.clock.clone());
    match discovery.tenant(tenant).await {
        Ok(configuration) => configuration.issuer(tenant),
        Err(_) => format!("{authority}/{tenant}/v2.0"),
    }
}

/// The settings without which it is not known where to look for what.
const OF_APPLICATION: [&str; 4] = [
    "ENTRADA_TENANT_ID",
    "ENTRADA_CLIENT_ID",
    "ENTRADA_AUTHORITY",
    "ENTRADA_GRAPH_URL",
];

/// The settings from which the redirect URI follows.
const OF_CALLBACK: [&str; 2] = ["ENTRADA_BASE_URL", "ENTRADA_CALLBACK_URL"];

const NOT_KNOWN: &str = "application-not-known";
const NOT_LOOKED_AT: &str = "The registration was not looked at.";

fn unnamed_by_server(error: &DeploymentError) -> Finding {
    Finding::fault(
        NOT_KNOWN,
        format!("the server does not say which application is its own: {error}"),
        NOT_LOOKED_AT,
        Fix::new("Mend first what stands between, or name the application without --url:")
            .line("ENTRADA_TENANT_ID=TENANT-ID entrada doctor --entra --client-id CLIENT-ID"),
    )
}

fn unnamed_by_settings(faults: &SettingsFaults) -> Finding {
    let faults: Vec<_> = faults
        .iter()
        .map(|(name, what)| format!("{name} {what}"))
        .collect();
    Finding::fault(
        NOT_KNOWN,
        format!(
            "the settings do not say what the registration should be: {}",
            faults.join("; ")
        ),
        NOT_LOOKED_AT,
        Fix::new("Mend these settings first, or have the server say it, without them:")
            .line("entrada doctor --url https://SITE.azurewebsites.net --entra"),
    )
}

fn no_token(reason: String) -> Finding {
    Finding::fault(
        "graph",
        reason,
        NOT_LOOKED_AT,
        Fix::new("Give a token for Microsoft Graph:").line(
            "az account get-access-token --resource-type ms-graph --query accessToken --output tsv | entrada doctor --entra --graph-token -",
        ),
    )
}

fn read_token() -> Result<SecretString, String> {
    let text = standard_input::read("a token for Microsoft Graph")?;
    token(&text).ok_or_else(|| "standard input held no token for Microsoft Graph".to_owned())
}

pub(super) fn token(text: &str) -> Option<SecretString> {
    let text = text.trim();
    (!text.is_empty()).then(|| SecretString::from(text))
}
