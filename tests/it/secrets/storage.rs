//! Storage that is not there, or refuses, when the server starts.

mod gate;

use std::path::Path;
use std::process::Stdio;

use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::process::{Child, Command};

use self::gate::Gate;
use super::wrapped::WrappedCalls;
use super::{Officer, secretless};
use crate::functions::bearer;
use crate::rig::{Person, Rig, account, clients, free_port, private_ca};

/// Azurite's table service, which asks for tokens of Entra's.
fn azurite(port: u16, folder: &Path) -> Child {
    let modules = clients().join("node/node_modules");
    Command::new(modules.join(".bin/node"))
        .arg(modules.join("azurite/dist/src/table/main.js"))
        .args(["--tableHost", "127.0.0.1", "--tablePort", &port.to_string()])
        .args(["--inMemoryPersistence", "--disableTelemetry", "--silent"])
        .args(["--oauth", "basic"])
        .arg("--cert")
        .arg(folder.join("azurite.pem"))
        .arg("--key")
        .arg(folder.join("azurite-key.pem"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn storage_that_comes_later_is_waited_for_and_needs_no_secret() {
    let port = free_port();
    let identity = private_ca(&["localhost", "127.0.0.1"]);
    let folder = tempfile::TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("azurite.pem", &identity.certificate_pem);
    write("azurite-key.pem", identity.key_pem.expose_secret());
    let rig = Rig::unready(async |stand_ins| {
        write(
            "ca.pem",
            &format!("{}{}", stand_ins.ca_pem(), identity.ca_pem),
        );
        let mut settings = secretless(stand_ins);
        let storage = format!("https://127.0.0.1:{port}/devstoreaccount1");
        let ca = folder.path().join("ca.pem").display().to_string();
        settings.push(("ENTRADA_STORAGE".to_owned(), storage));
        settings.push(("SSL_CERT_FILE".to_owned(), ca));
        settings
    })
    .await;
    let officer = Officer::of(&rig.stand_ins);
    officer.write("entrada-key-ring", rig.key_ring()).await;
    // Nothing listens there yet.
    let token = rig.token("reader");
    let calls = WrappedCalls::of(&rig, bearer(&token));
    says_that_storage_is_missing(&rig, &token, &calls).await;

    let _azurite = azurite(port, folder.path());
    works(&rig, &token, &calls).await;
}

/// A server that cannot read its storage answers, and says so everywhere.
async fn says_that_storage_is_missing(rig: &Rig, token: &str, calls: &WrappedCalls) {
    let (status, _) = rig.ask(rig.http.get(rig.url("/"))).await;
    assert_eq!(status, 200);
    let (status, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
    assert_eq!(
        (status, &health["services"]["storage"]),
        (503, &json!("unavailable"))
    );
    let answer = rig.http.get(rig.url("/mcp/tools")).bearer_auth(token);
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let text = answer.text().await.unwrap();
    assert!(text.contains("STORAGE_UNAVAILABLE"), "{text}");
    calls
        .fail(rig, "storage does not answer, or refuses this server")
        .await;
}

/// The server, still the same process, works as soon as storage does.
async fn works(rig: &Rig, token: &str, calls: &WrappedCalls) {
    rig.handler.wait().await;
    let tokens = Person::new(rig, "reader").tokens().await;
    let access = tokens["access_token"].as_str().unwrap();
    let (status, me) = rig.get("/api/auth/me", access).await;
    assert_eq!(status, 200, "{me}");
    let (status, _) = rig.get("/mcp/tools", token).await;
    assert_eq!(status, 200);
    calls.succeed(rig).await;
    let log = rig.handler.log();
    assert_eq!(log.matches("\"message\":\"listening\"").count(), 1, "{log}");
}

/// A new deployment: the identity's role does not count yet, and there are no
/// tables.
#[tokio::test]
async fn storage_that_refuses_is_waited_for() {
    let (gate, connection) = Gate::before(&account().await).await;
    let rig = Rig::unready(async |_| vec![("ENTRADA_STORAGE".to_owned(), connection)]).await;
    let token = rig.token("reader");
    let calls = WrappedCalls::of(&rig, bearer(&token));
    says_that_storage_is_missing(&rig, &token, &calls).await;
    rig.handler.logs("AuthorizationPermissionMismatch").await;

    gate.open();
    works(&rig, &token, &calls).await;
}
