//! Entra: whether it answers, whether its keys can be had, whether its clock
//! and ours agree, and whether it takes our credential.

use std::sync::Arc;

use entrada_entra::{
    Aadsts, AccessTokenValidator, ClientCredential, Discovery, OpenIdConfiguration,
};
use http::header::DATE;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::{LIMIT, setting_fix};
use crate::app::{self, Ambient};
use crate::config::Settings;
use crate::doctor::{Finding, Report};
use crate::error::chain;
use crate::fix::Fix;

/// Seconds that our clock and Entra's may differ: `iat` and `nbf` are allowed
/// as much, `exp` nothing.
const SKEW: u64 = 60;

const NO_SIGN_IN: &str = "Nobody can sign in, and tokens of Entra's cannot be checked.";

pub(super) async fn examine(report: &mut Report, settings: &Settings, ambient: &Ambient) {
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
    let validator = AccessTokenValidator::new(
        entra,
        discovery,
        ambient.http.clone(),
        ambient.clock.clone(),
    );
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
    credential(report, settings, ambient, &configuration).await;
}

/// Asks for the home tenant's configuration and gives the answer's date.
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
            let date = answer.headers().get(DATE)?.to_str().ok();
            Some(date.map(str::to_owned))
        }
        Ok(answer) if answer.status().is_client_error() => {
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

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    error_description: String,
}

/// Asks for a token in the app's own name, for the app itself: it opens
/// nothing, and shows whether the credential is taken.
async fn credential(
    report: &mut Report,
    settings: &Settings,
    ambient: &Ambient,
    configuration: &OpenIdConfiguration,
) {
    let found = tokio::time::timeout(LIMIT, app::credential(settings, ambient)).await;
    let credential = match found {
        Ok(Ok(credential)) => credential,
        Ok(Err(error)) => {
            report.found(no_credential(&error.to_string()));
            return;
        }
        Err(_) => {
            report.found(no_credential("it could not be had in time"));
            return;
        }
    };
    let described = credential.describe();
    match ask_with(credential.as_ref(), settings, ambient, configuration).await {
        Ok(None) => report.good(format!("Entra takes the credential ({described})")),
        Ok(Some(refusal)) => report.found(refused(described, &refusal, settings)),
        Err(reason) => report.found(Finding::fault(
            "credential",
            format!("the credential ({described}) could not be tried: {reason}"),
            NO_SIGN_IN,
            Fix::new("Look whether this machine reaches the address:")
                .line(configuration.token_endpoint.as_str()),
        )),
    }
}

fn no_credential(reason: &str) -> Finding {
    Finding::fault(
        "credential",
        format!("there is no credential of the application: {reason}"),
        "Codes and refresh tokens cannot be redeemed: nobody can sign in.",
        setting_fix(
            "On Azure the managed identity is it (Bicep sets its client id); locally a secret:",
            "ENTRADA_IDENTITY_CLIENT_ID",
            "…",
        )
        .line("ENTRADA_CLIENT_SECRET=…"),
    )
}

/// What Entra says against the credential, if anything.
async fn ask_with(
    credential: &dyn ClientCredential,
    settings: &Settings,
    ambient: &Ambient,
    configuration: &OpenIdConfiguration,
) -> Result<Option<String>, String> {
    let client = settings.entra.client_id.to_string();
    let fields = credential
        .form_fields(&configuration.token_endpoint)
        .await
        .map_err(|error| chain(&error))?;
    let scope = format!("{client}/.default");
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &client),
        ("scope", &scope),
    ];
    form.extend(
        fields
            .iter()
            .map(|(name, value)| (*name, value.expose_secret())),
    );
    // The configuration of several tenants names no tenant's own endpoint.
    let endpoint = configuration
        .token_endpoint
        .as_str()
        .replace(
            "/organizations/",
            &format!("/{}/", settings.entra.tenant_id),
        )
        .replace("/common/", &format!("/{}/", settings.entra.tenant_id));
    let answer = ambient
        .http
        .post(endpoint)
        .timeout(LIMIT)
        .form(&form)
        .send()
        .await
        .map_err(|error| chain(&error.without_url()))?;
    if answer.status().is_success() {
        return Ok(None);
    }
    let status = answer.status().as_u16();
    let refused: Option<Refused> = answer.json().await.ok();
    Ok(Some(refused.map_or_else(
        || format!("status {status}"),
        |refused| refused.error_description,
    )))
}

fn refused(described: &str, refusal: &str, settings: &Settings) -> Finding {
    let code = Aadsts::code_in(refusal);
    let known = code.and_then(Aadsts::of);
    let client = settings.entra.client_id;
    let named = code.map_or_else(
        || "without a code".to_owned(),
        |code| format!("AADSTS{code}"),
    );
    Finding::fault(
        "credential",
        format!("Entra refuses the credential ({described}): {named}"),
        "Codes and refresh tokens cannot be redeemed: nobody can sign in.",
        Fix::new(
            known.map_or("Look at the application's credentials:", |known| {
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
