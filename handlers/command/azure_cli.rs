//! A token for Microsoft Graph from the Azure CLI (Microsoft Learn, "az account
//! get-access-token").

use std::io;
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use uuid::Uuid;

use super::doctor::token;
use crate::doctor::Finding;
use crate::fix::Fix;

/// How long it may take: it starts slowly.
const LIMIT: Duration = Duration::from_secs(30);

/// Why there is no token.
#[derive(Debug)]
pub(super) struct Trouble {
    kind: Kind,
    tenant: Uuid,
}

#[derive(Debug)]
enum Kind {
    NotInstalled,
    CannotRun(io::Error),
    Silent,
    NotSignedIn,
    /// With what Entra said, if it said anything.
    Refused(Option<String>),
}

/// The token of whoever is signed in to the Azure CLI in this tenant.
pub(super) async fn graph_token(tenant: Uuid) -> Result<SecretString, Trouble> {
    ask(tenant).await.map_err(|kind| Trouble { kind, tenant })
}

async fn ask(tenant: Uuid) -> Result<SecretString, Kind> {
    let running = tokio::process::Command::new("az")
        .args(["account", "get-access-token", "--resource-type", "ms-graph"])
        .args(["--tenant", &tenant.to_string()])
        .args(["--query", "accessToken", "--output", "tsv"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let answer = tokio::time::timeout(LIMIT, running)
        .await
        .map_err(|_| Kind::Silent)?
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Kind::NotInstalled,
            _ => Kind::CannotRun(error),
        })?;
    let output = zeroize::Zeroizing::new(answer.stdout);
    let given = std::str::from_utf8(&output).ok();
    let errors = String::from_utf8_lossy(&answer.stderr);
    match given.filter(|_| answer.status.success()).and_then(token) {
        Some(token) => Ok(token),
        None if errors.contains("az login' to setup account") => Err(Kind::NotSignedIn),
        None => Err(Kind::Refused(entra_code(&errors))),
    }
}

/// The code of an error of Entra's. The rest of its text names people.
fn entra_code(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("AADSTS")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (4..=8)
        .contains(&digits.len())
        .then(|| format!("AADSTS{digits}"))
}

impl Trouble {
    /// What is said of it.
    pub(super) fn finding(&self) -> Finding {
        let Self { kind, tenant } = self;
        let (what, fix) = match kind {
            Kind::NotInstalled => (
                "the Azure CLI is not installed, or not on the PATH".to_owned(),
                Fix::new(
                    "Install it (https://aka.ms/azure-cli) and sign in, or give a token for \
                     Microsoft Graph that you have from elsewhere:",
                )
                .line(format!("az login --tenant {tenant}"))
                .line("entrada doctor --entra --graph-token - < TOKEN-FILE"),
            ),
            Kind::CannotRun(error) => (
                format!("the Azure CLI cannot be run: {error}"),
                Fix::new("See whether it runs by itself:").line("az version"),
            ),
            Kind::Silent => (
                format!("the Azure CLI did not answer within {} s", LIMIT.as_secs()),
                Fix::new("See whether it answers by itself:").line("az account show"),
            ),
            Kind::NotSignedIn => (
                "nobody is signed in to the Azure CLI".to_owned(),
                Fix::new("Sign in:").line(format!("az login --tenant {tenant}")),
            ),
            Kind::Refused(code) => (
                match code {
                    Some(code) => {
                        format!("the Azure CLI gets no token in the tenant {tenant} ({code})")
                    }
                    None => format!("the Azure CLI gets no token in the tenant {tenant}"),
                },
                refused(code.as_deref(), *tenant),
            ),
        };
        let why = "Without a token for Microsoft Graph nothing can be said of the registration.";
        Finding::fault("azure-cli", what, why, fix)
    }
}

fn refused(code: Option<&str>, tenant: Uuid) -> Fix {
    let fix = Fix::new("Sign in to that tenant, for Microsoft Graph, as somebody who is of it:")
        .line(format!(
            "az login --tenant {tenant} --scope https://graph.microsoft.com/.default"
        ));
    match code {
        Some(code) => fix.line(format!("entrada explain {code}")),
        None => fix,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_entra_says_the_code_alone_is_repeated() {
        let text = "ERROR: AADSTS50076: Due to a change made by your administrator, ana@contoso";
        assert_eq!(entra_code(text).as_deref(), Some("AADSTS50076"));
        for text in ["", "AADSTS", "AADSTS12x", "AADSTS123456789"] {
            assert_eq!(entra_code(text), None, "{text}");
        }
    }
}
