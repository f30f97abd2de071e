//! `entrada explain`: why a token is or would be refused.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use entrada_ambient::ProcessEnvironment;
use entrada_entra::{AccessTokenValidator, Discovery};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::deployment::{Deployment, lenient_settings};
use super::serve::{Failure, ambient, runtime};
use super::standard_input;
use crate::app::{self, Ambient};
use crate::config::BaseUrl;
use crate::explain::{Explainer, PublishedKeys, explain_code};
use crate::identity::{KeyRing, KeyRings, OwnTokens};
use crate::terminal::Terminal;

/// Says why a token is or would be refused, without sending it anywhere
///
/// Makes every check that the doors make, with the same code: form, issuer and
/// tenant, audience, signature, lifetime, scope or role, client. Says which
/// door takes the token, what is wrong, and what to do about it. The token is
/// not printed, not logged and not sent: only public keys and public metadata
/// are fetched.
///
/// Exits with 0 if some door takes the token, with 1 if none does, and with 2
/// if it could not look.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct ExplainArguments {
    /// The token, or `-` to read it from standard input, so that it does not
    /// stay in the shell's history; or an error of Entra's, such as
    /// AADSTS65001
    #[arg(value_name = "TOKEN", default_value = "-", hide_default_value = true)]
    token: Zeroizing<String>,
    /// Base URL of a server: its tenant, application and public keys are used
    /// in place of settings
    #[arg(long, value_name = "URL", value_parser = base_url)]
    url: Option<BaseUrl>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  Paste a token and end with Ctrl-D, held against the settings of the environment:
    entrada explain

  A token from the clipboard, held against a deployed server:
    xclip -o | entrada explain - --url https://entrada.contoso.com

  What an error of Entra's means:
    entrada explain AADSTS65001";

/// A server's base URL, as an argument.
pub(super) fn base_url(text: &str) -> Result<BaseUrl, String> {
    let base = BaseUrl::parse(text).map_err(|reason| format!("it {reason}"))?;
    if base.is_https() || base.is_loopback() {
        return Ok(base);
    }
    Err("it must begin with https:// unless it is this machine".to_owned())
}

pub(super) fn run(arguments: &ExplainArguments) -> Result<ExitCode, Failure> {
    let text = SecretString::from(if arguments.token.as_str() == "-" {
        standard_input::read("the token, or an error of Entra's").map_err(Failure::other)?
    } else {
        arguments.token.as_str().to_owned()
    });
    let terminal = Terminal::of_standard_output(&ProcessEnvironment);
    if let Some(explanation) = explain_code(text.expose_secret()) {
        if arguments.json {
            print(&serde_json::to_string_pretty(&explanation).map_err(Failure::other)?)?;
        } else {
            print(&explanation.render(&terminal))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let ambient = ambient()?;
    let explanation = runtime()?.block_on(async {
        let explainer = explainer(arguments.url.as_ref(), &ambient).await?;
        Ok::<_, Failure>(explainer.explain(text.expose_secret()).await)
    })?;
    if arguments.json {
        print(&serde_json::to_string_pretty(&explanation).map_err(Failure::other)?)?;
    } else {
        print(&explanation.render(&terminal))?;
    }
    Ok(if explanation.is_let_in() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What tokens are held against: the settings of the environment, over which
/// stands what a server at `url` says of itself.
async fn explainer(url: Option<&BaseUrl>, ambient: &Ambient) -> Result<Explainer, Failure> {
    let mut given = Vec::new();
    let mut published = None;
    if let Some(base) = url {
        let deployment = Deployment::ask(base, &ambient.http)
            .await
            .map_err(Failure::other)?;
        given = deployment.settings();
        published = PublishedKeys::fetch(base, &ambient.http).await;
    }
    let settings = lenient_settings(given).map_err(|faults| {
        Failure::other(format!(
            "{faults}\nSet them, or name the server with --url."
        ))
    })?;
    let ring = settings
        .secrets
        .key_ring
        .as_ref()
        .map(KeyRing::parse)
        .transpose()
        .map_err(|error| Failure::other(crate::error::chain(&error)))?;
    let policy = app::read_policy(&settings).map_err(Failure::other)?;
    let entra = Arc::new(settings.entra);
    let (http, clock) = (&ambient.http, &ambient.clock);
    let discovery = Arc::new(Discovery::new(entra.clone(), http.clone(), clock.clone()));
    let validator =
        AccessTokenValidator::new(entra.clone(), discovery, http.clone(), clock.clone());
    Ok(Explainer {
        settings: entra,
        validator: Arc::new(validator),
        own: OwnTokens::new(
            settings.base_url,
            Arc::new(KeyRings::new(ring)),
            clock.clone(),
            ambient.random.clone(),
        ),
        published,
        policy,
        now: clock.unix(),
    })
}

/// Prints `text` on standard output. A reader that has gone is no fault.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::other(error)),
        _ => Ok(()),
    }
}
