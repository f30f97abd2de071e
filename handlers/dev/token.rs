//! `entrada dev token`: an access token of a persona.

use std::io::Write as _;

use clap::Args;
use entrada_stand_ins::{TokenRequest, TokenVersion};
use serde::Deserialize;
use serde_json::Value;

use crate::app::Ambient;
use crate::command::Failure;
use crate::config::DEFAULT_PORT;

/// Options of `entrada dev token`.
#[derive(Debug, Args)]
pub(super) struct TokenArguments {
    /// Who the token is of: reader, writer, deleter, all, admin, norole,
    /// guest or daemon
    persona: String,
    /// A version 1 token, as Entra issues for older registrations
    #[arg(long)]
    v1: bool,
    /// Sets a claim, such as `roles=["Task.Read"]`
    #[arg(long, value_name = "CLAIM=JSON", value_parser = claim)]
    set: Vec<(String, Value)>,
    /// Leaves a claim out
    #[arg(long, value_name = "CLAIM")]
    unset: Vec<String>,
    /// Seconds until the token expires; negative for an expired one
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    expires: Option<i64>,
    /// Port of the server; the stand-in is on the next one
    #[arg(long, default_value_t = DEFAULT_PORT)]
    port: u16,
}

/// A claim's value is JSON; what is not, is a string.
fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| "expected CLAIM=JSON".to_owned())?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

#[derive(Deserialize)]
struct Minted {
    access_token: String,
}

/// Prints the token alone, so that it can be put into a variable.
pub(super) async fn print(arguments: &TokenArguments, ambient: &Ambient) -> Result<(), Failure> {
    let port = arguments.port.saturating_add(1);
    let request = TokenRequest {
        version: if arguments.v1 {
            TokenVersion::V1
        } else {
            TokenVersion::V2
        },
        set: arguments.set.iter().cloned().collect(),
        unset: arguments.unset.clone(),
        expires_in: arguments.expires,
        ..TokenRequest::for_persona(&arguments.persona)
    };
    let response = ambient
        .http
        .post(format!("http://localhost:{port}/stand-in/token"))
        .json(&request)
        .send()
        .await
        .map_err(|_| {
            Failure::other(format!(
                "no stand-in answers on port {port}. Start one with `cargo run -- dev` in another \
                 terminal, or name the server's port with --port."
            ))
        })?;
    if !response.status().is_success() {
        let detail = response.text().await.map_err(Failure::other)?;
        return Err(Failure::other(format!("the stand-in refused: {detail}")));
    }
    let minted: Minted = response.json().await.map_err(Failure::other)?;
    writeln!(std::io::stdout(), "{}", minted.access_token).map_err(Failure::other)
}
