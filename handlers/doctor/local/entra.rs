//! Entra: whether it answers, whether its keys can be had, whether its clock
//! and ours agree, and whether it takes our credential.

use std::sync::Arc;

use entrada_entra::{AccessTokenValidator, Discovery, EntraClient, EntraError, Rejection};
use http::StatusCode;
use http::header::DATE;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::{IDENTITY, LIMIT, VAULT, is_said, setting_fix};
use crate::app::{self, Ambient, StartError};
use crate::config::{Readable, Settings};
use crate::doctor::{Finding, Report};
use crate::error::chain;
use crate::fix::Fix;

/// Seconds that our clock and Entra's may differ: `iat` and `nbf` are allowed
/// as much, `exp` nothing.
const SKEW: u64 = 60;

const NO_REDEMPTION: &str = "Codes and refresh tokens cannot be redeemed: nobody can sign in.";
const NO_SIGN_IN: &str = "Nobody can sign in, and tokens of Entra's cannot be checked.";

/// What it follows from.
pub(super) const SETTINGS: [&str; 4] = [
    "ENTRADA_TENANT_ID",
    "ENTRADA_CLIENT_ID",
    "ENTRADA_AUTHORITY",
    "ENTRADA_TENANTS",
];

/// What the application's credential follows from besides.
const OF_CREDENTIAL: [&str; 4] = [
    "ENTRADA_CLIENT_SECRET",
    "ENTRADA_CLIENT_CERTIFICATE",
    IDENTITY,
    VAULT,
];

pub(super) async fn examine(report: &mut Report, readable: &Readable, ambient: &Ambient) {
    let settings = &readable.settings;
    let Some(date) = reach(report, settings, ambient).await else {
        report.skipped("Entra's keys, the clock and the credential: Entra does not answer");
        return;
    };
    clock(report, date.as_deref(), ambient);
    let entra = Arc::new(settings.entra.clone());
    let discovery = Arc::new(Discovery::new(
        entra.clone(),
        ambient.http.clone(),
        ambient.clock.clone(),
    ));
    let configuration = match discovery.sign_in().await {
        Ok(configuration) => configuration,
        Err(error) => {
            report.found(unusable(&chain(&error), settings));
            return;
        }
    };
    let validator = Arc::new(AccessTokenValidator::new(
        entra,
        discovery.clone(),
        ambient.http.clone(),
        ambient.clock.clone(),
    ));
    match validator.load_keys().await {
        Ok(keys) => report.good(format!("Entra publishes {keys} keys to check tokens with")),
        Err(error) => report.found(Finding::fault(
            "signing-keys",
            format!("Entra's signing keys cannot be had: {}", chain(&error)),
            "Tokens of Entra's are refused with 503.",
            Fix::new("Look whether this machine reaches the address:")
                .line(format!("curl -i '{}'", configuration.jwks_uri)),
        )),
    }
    if is_said(report, readable, "the credential", &OF_CREDENTIAL) {
        credential(report, settings, ambient, discovery, validator).await;
    }
}

/// Asks for the home tenant's configuration; gives the answer's date, if it has
/// one, where Entra answers.
async fn reach(
    report: &mut Report,
    settings: &Settings,
    ambient: &Ambient,
) -> Option<Option<String>> {
    let entra = &settings.entra;
    let authority = entra.authority.as_str().trim_end_matches('/');
    let url = format!(
        "{authority}/{}/v2.0/.well-known/openid-configuration",
        entra.tenant_id
    );
    let answer = ambient.http.get(&url).timeout(LIMIT).send().await;
    match answer {
        Ok(answer) if answer.status().is_success() => {
            report.good(format!("Entra answers at {authority}"));
            let date = answer.headers().get(DATE);
            Some(date.and_then(|date| date.to_str().ok()).map(str::to_owned))
        }
        // Anything else is a proxy's, or says that there were too many.
        Ok(answer)
            if matches!(
                answer.status(),
                StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND
            ) =>
        {
            report.found(Finding::fault(
                "tenant",
                format!(
                    "Entra does not know the tenant {} (status {})",
                    entra.tenant_id,
                    answer.status().as_u16()
                ),
                NO_SIGN_IN,
                setting_fix(
                    "Set the id of your directory: `az account show --query tenantId -o tsv`. A \
                     tenant of a national cloud has another ENTRADA_AUTHORITY.",
                    "ENTRADA_TENANT_ID",
                    "…",
                ),
            ));
            None
        }
        Ok(answer) => {
            report.found(unreachable(
                &format!("it answers {}", answer.status().as_u16()),
                &url,
            ));
            None
        }
        Err(error) => {
            report.found(unreachable(&chain(&error.without_url()), &url));
            None
        }
    }
}

fn unreachable(reason: &str, url: &str) -> Finding {
    Finding::fault(
        "entra",
        format!("Entra cannot be reached: {reason}"),
        NO_SIGN_IN,
        Fix::new(
            "Look whether this machine reaches it without a proxy, since HTTPS_PROXY is not \
             read (a firewall, DNS, or a private CA: SSL_CERT_FILE names all roots to trust, the \
             CA's and the system's):",
        )
        .line(format!("curl --noproxy '*' -i '{url}'")),
    )
}

fn unusable(reason: &str, settings: &Settings) -> Finding {
    Finding::fault(
        "entra-configuration",
        format!("Entra's configuration cannot be used: {reason}"),
        NO_SIGN_IN,
        setting_fix(
            format!(
                "Look at the authority, {}: something else may answer there.",
                settings.entra.authority
            ),
            "ENTRADA_AUTHORITY",
            "https://login.microsoftonline.com",
        ),
    )
}

/// Compares the clocks by the answer's date (RFC 9110 section 6.6.1).
fn clock(report: &mut Report, date: Option<&str>, ambient: &Ambient) {
    // The HTTP form is RFC 2822's but for the zone, which is always GMT.
    let theirs = date
        .map(|date| date.replace("GMT", "+0000"))
        .and_then(|date| OffsetDateTime::parse(&date, &Rfc2822).ok());
    let Some(theirs) = theirs else {
        report.skipped("the clock: Entra's answer has no date");
        return;
    };
    let ours = ambient.clock.unix();
    let skew = ours.abs_diff(theirs.unix_timestamp());
    if skew <= SKEW {
        report.good("the clock is right");
        return;
    }
    let direction = if ours < theirs.unix_timestamp() {
        "behind"
    } else {
        "ahead of"
    };
    report.found(Finding::fault(
        "clock",
        format!("this machine's clock is {skew} s {direction} Entra's"),
        "Good tokens are refused as expired or not yet valid, and our own end too early or too \
         late.",
        Fix::new("Set the clock by the network:").line("sudo timedatectl set-ntp true"),
    ));
}

/// Tries the credential as the server does: by a token for the app itself,
/// which opens nothing.
async fn credential(
    report: &mut Report,
    settings: &Settings,
    ambient: &Ambient,
    discovery: Arc<Discovery>,
    validator: Arc<AccessTokenValidator>,
) {
    let found = tokio::time::timeout(LIMIT, app::credential(settings, ambient)).await;
    let credential = match found {
        Ok(Ok(credential)) => credential,
        Ok(Err(error)) => {
            report.found(unreadable(&error));
            return;
        }
        Err(_) => {
            report.found(no_credential("it could not be had in time"));
            return;
        }
    };
    let described = credential.describe();
    let client = EntraClient::new(
        Arc::new(settings.entra.clone()),
        discovery,
        validator,
        credential,
        ambient.http.clone(),
        ambient.clock.clone(),
    );
    match tokio::time::timeout(LIMIT, client.check_credential()).await {
        Ok(Ok(())) => report.good(format!("Entra takes the credential ({described})")),
        Ok(Err(error)) => report.found(not_taken(described, &error, settings)),
        Err(_) => report.found(untried(
            described,
            &format!("Entra did not answer within {} s", LIMIT.as_secs()),
            settings,
        )),
    }
}

fn not_taken(described: &str, error: &EntraError, settings: &Settings) -> Finding {
    match (error, error.rejection()) {
        (EntraError::CredentialUnavailable(_), _) => no_credential(&chain(error)),
        (_, Some(rejection)) => refused(described, rejection, settings),
        (_, None) => untried(described, &chain(error), settings),
    }
}

fn untried(described: &str, reason: &str, settings: &Settings) -> Finding {
    let authority = settings.entra.authority.as_str().trim_end_matches('/');
    Finding::fault(
        "credential",
        format!("the credential ({described}) could not be tried: {reason}"),
        NO_REDEMPTION,
        Fix::new(
            "Try again in a minute; if it stays, look whether this machine reaches the address:",
        )
        .line(format!(
            "curl -i -X POST '{authority}/{}/oauth2/v2.0/token'",
            settings.entra.tenant_id
        )),
    )
}

fn no_credential(reason: &str) -> Finding {
    Finding::fault(
        "credential",
        format!("there is no credential of the application: {reason}"),
        NO_REDEMPTION,
        setting_fix(
            "On Azure the managed identity is it (Bicep sets its client id); locally a secret:",
            "ENTRADA_IDENTITY_CLIENT_ID",
            "…",
        )
        .line("ENTRADA_CLIENT_SECRET=…"),
    )
}

/// What the settings name cannot be read.
fn unreadable(error: &StartError) -> Finding {
    if error.setting() != "ENTRADA_CLIENT_CERTIFICATE" {
        return no_credential(&error.to_string());
    }
    Finding::fault(
        "credential",
        format!("the certificate of the application cannot be used: {error}"),
        "The server ends at its start.",
        setting_fix(
            "Name a PEM file that holds the certificate and its RSA private key:",
            "ENTRADA_CLIENT_CERTIFICATE",
            "entrada.pem",
        ),
    )
}

fn refused(described: &str, rejection: &Rejection, settings: &Settings) -> Finding {
    let client = settings.entra.client_id;
    let named = rejection
        .code
        .map_or_else(|| rejection.error.clone(), |code| format!("AADSTS{code}"));
    Finding::fault(
        "credential",
        format!("Entra refuses the credential ({described}): {named}"),
        NO_REDEMPTION,
        Fix::new(
            rejection
                .aadsts
                .map_or("Look at the application's credentials:", |known| {
                    known.remedy
                }),
        )
        .line(format!("az ad app credential list --id {client}"))
        .line(format!("az ad app federated-credential list --id {client}"))
        .line(format!(
            "az ad app credential reset --id {client} --append --query password -o tsv"
        )),
    )
}

#[cfg(test)]
mod tests {
    use entrada_ambient::{
        FixedEnvironment, NetworkOptions, SystemClock, SystemRandom, http_client,
    };
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::doctor::Area;

    /// Answers one request with this head and an empty document.
    async fn answers(head: &'static str) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            let answer = format!("HTTP/1.1 {head}content-length: 2\r\n\r\n{{}}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        url
    }

    /// A date is for the clock alone: the rest is looked at without one.
    #[tokio::test]
    async fn an_answer_without_a_date_is_an_answer() {
        let ambient = Ambient {
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
            http: http_client(&NetworkOptions::default()).unwrap(),
        };
        let date = "Sat, 21 Nov 2026 09:00:00 GMT";
        for (head, expected) in [
            ("200 OK\r\n", Some(None)),
            (
                "200 OK\r\ndate: Sat, 21 Nov 2026 09:00:00 GMT\r\n",
                Some(Some(date.to_owned())),
            ),
            ("503 Service Unavailable\r\n", None),
        ] {
            let authority = answers(head).await;
            let environment = FixedEnvironment::new([
                ("ENTRADA_TENANT_ID", "c0170500-0000-4000-8000-000000000001"),
                ("ENTRADA_CLIENT_ID", "e17ada00-0000-4000-8000-000000000001"),
                ("ENTRADA_STORAGE", "https://account.table.core.windows.net"),
                ("ENTRADA_KEY_VAULT_URL", "https://example.vault.azure.net"),
                ("ENTRADA_AUTHORITY", authority.as_str()),
            ]);
            let (settings, _) = Settings::load(&environment, true).unwrap();
            let mut report = Report::default();
            report.begin(Area::Local);
            assert_eq!(
                reach(&mut report, &settings, &ambient).await,
                expected,
                "{head}"
            );
        }
    }
}
