//! The Key Vault and managed identity stand-ins, as Microsoft's client
//! libraries see them.

use std::sync::Arc;

use entrada_ambient::{SystemClock, SystemRandom};
use entrada_stand_ins::StandInOptions;
use tempfile::TempDir;
use tokio::process::Command;

use super::{passes, script};
use crate::rig::{clients, private_ca};

#[tokio::test]
async fn the_key_vault_client_for_python_accepts_the_vault_stand_in() {
    let options = StandInOptions::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    let names = ["localhost", "entrada.vault.azure.net", "vault.example"];
    let stand_ins = entrada_stand_ins::start(StandInOptions {
        tls: Some(private_ca(&names)),
        ..options
    })
    .await
    .unwrap();
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("ca.pem"), stand_ins.ca_pem()).unwrap();
    let mut command = Command::new(clients().join("python/bin/python"));
    command
        .arg(script("keyvault/check.py"))
        .arg(stand_ins.https_url().as_str())
        .arg(stand_ins.url().as_str())
        .arg(folder.path().join("ca.pem"));
    passes(command).await;
}
