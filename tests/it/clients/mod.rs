//! Sign-in by unmodified clients of others, and with an identity provider of
//! others in Entra's place: each is taken through its whole life, from
//! discovery to a registration that the server lost.

mod conformance;
mod fastmcp;
mod inspector;
mod openid_provider;
mod python;
mod rmcp;
mod typescript;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use entrada_tables::{Condition, Query};
use tempfile::TempDir;
use tokio::process::Command;

use crate::rig::{Rig, clients, script};

const REGISTRATIONS: &str = "entradaclients";

/// A client's script, by the interpreter that it needs.
fn python(name: &str) -> Command {
    let mut command = Command::new(clients().join("python/bin/python"));
    command.arg(script(name));
    command
}

fn node(name: &str) -> Command {
    let mut command = Command::new(clients().join("node/node_modules/.bin/node"));
    command.arg(script(name));
    command
}

/// What every script finds around it. `certificate` is that of the identity
/// provider.
fn with_surroundings<'a>(command: &'a mut Command, certificate: &Path) -> &'a mut Command {
    command
        .env("SSL_CERT_FILE", certificate)
        .env("NODE_EXTRA_CA_CERTS", certificate)
        .env(
            "ENTRADA_TEST_NODE_MODULES",
            clients().join("node/node_modules"),
        )
        .env("ENTRADA_TEST_PYTHON", clients().join("python/bin/python"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
}

/// Runs a client's script, which must pass every check, and gives what it
/// said. `certificate` is that of the identity provider.
async fn passes(command: &mut Command, certificate: &Path) -> String {
    let output = with_surroundings(command, certificate).output();
    let output = tokio::time::timeout(Duration::from_mins(10), output).await;
    let output = output.expect("the client took too long");
    let output = output.expect("`cargo xtask test` installs the clients");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(
        text.trim_end().ends_with(" passed, 0 failed"),
        "{text}\n{errors}"
    );
    assert!(
        !text.trim_end().ends_with("\n0 passed, 0 failed"),
        "{text}\n{errors}"
    );
    text
}

/// Takes a client through its life: `command` builds its script's command for
/// a phase, the server's base URL and a place for what the client keeps.
/// Before each further phase the server is killed, and before the last it
/// loses the client's registration.
async fn live(command: impl Fn(&str, &str, &Path) -> Command) {
    let mut rig = Rig::start().await;
    let folder = TempDir::new().unwrap();
    let kept = folder.path().join("kept");
    let mut said = String::new();
    for phase in ["sign-in", "stored", "forgotten"] {
        match phase {
            "stored" => rig.restart().await,
            "forgotten" => lose_registration(&mut rig, &client_id(&said)).await,
            _ => {}
        }
        let mut command = command(phase, &rig.handler.base, &kept);
        said = passes(&mut command, &rig.certificate()).await;
    }
}

/// The client id that a script tells with its last lines.
fn client_id(said: &str) -> String {
    let line = said
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("client "));
    line.expect("the script tells its client id").to_owned()
}

/// Kills the server, removes the client's row and starts the server again.
async fn lose_registration(rig: &mut Rig, client_id: &str) {
    rig.handler.kill().await;
    {
        let tables = rig.tables();
        let id = client_id.strip_prefix("er-").expect("a registered client");
        let query = Query::partition(id.get(..1).unwrap());
        let rows = entrada_tables::query_all(tables.as_ref(), REGISTRATIONS, &query, 100).await;
        let rows = rows.unwrap();
        assert!(!rows.is_empty(), "the registration is in storage");
        for row in rows {
            let gone = tables.delete(REGISTRATIONS, &row.partition, &row.row, &Condition::None);
            gone.await.unwrap();
        }
    }
    rig.restart().await;
}
