//! The server's credential for Entra, each kind that there is.

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::json;

use super::{Officer, control, secretless};
use crate::rig::{Person, Rig, until};

/// Signs in, refreshes, and acts on somebody's behalf.
async fn serves(rig: &Rig, credential: &str) {
    rig.handler.wait().await;
    let tokens = Person::new(rig, "reader").tokens().await;
    let access = tokens["access_token"].as_str().unwrap();
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "graph_me", "arguments": {}},
    });
    let request = rig
        .http
        .post(rig.url("/mcp"))
        .bearer_auth(access)
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-06-18")
        .json(&call);
    let answer = request.send().await.unwrap().text().await.unwrap();
    assert!(
        answer.contains("reader@contoso.example") && !answer.contains("\"isError\":true"),
        "{answer}"
    );
    let what = format!("health says {credential}");
    until(&what, async || {
        let (_, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
        health["entra_credential"] == credential && health["missing"] == json!([])
    })
    .await;
    rig.handler.logs(credential).await;
}

/// Whether the requests to the token endpoint carried this field.
async fn sent(rig: &Rig, field: &str) -> bool {
    let url = format!(
        "{}stand-in/requests?path=oauth2/v2.0/token",
        rig.stand_ins.url()
    );
    let (_, requests) = rig.ask(rig.http.get(url)).await;
    let requests = requests.as_array().unwrap();
    assert!(!requests.is_empty());
    requests
        .iter()
        .all(|request| request["body"].get(field).is_some())
}

#[tokio::test]
async fn a_client_secret_among_the_settings_serves() {
    let rig = Rig::start().await;
    serves(&rig, "client secret").await;
    assert!(sent(&rig, "client_secret").await);
}

#[tokio::test]
async fn a_certificate_serves_once_it_is_registered() {
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let certificate = CertificateParams::default()
        .self_signed(&key)
        .unwrap()
        .pem();
    let pem = format!("{}{certificate}", key.serialize_pem());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let path = file.path().display().to_string();
    let rig = Rig::unready(async |_| {
        vec![
            ("ENTRADA_CLIENT_SECRET".to_owned(), String::new()),
            ("ENTRADA_CLIENT_CERTIFICATE".to_owned(), path),
        ]
    })
    .await;
    rig.handler.wait().await;
    let registration = json!({"certificate_pem": certificate});
    control(&rig.stand_ins, "certificates", registration).await;
    serves(&rig, "certificate").await;
    assert!(sent(&rig, "client_assertion").await && !sent(&rig, "client_secret").await);
}

#[tokio::test]
async fn the_managed_identity_serves_without_a_secret() {
    let rig = Rig::unready(async |stand_ins| secretless(stand_ins)).await;
    let officer = Officer::of(&rig.stand_ins);
    officer.write("entrada-key-ring", rig.key_ring()).await;
    serves(&rig, "federated credential of the managed identity").await;
    assert!(sent(&rig, "client_assertion").await && !sent(&rig, "client_secret").await);
}

#[tokio::test]
async fn a_client_secret_in_the_vault_goes_before_the_managed_identity() {
    let secret = entrada_stand_ins::directory::CLIENT_SECRET;
    // There before the server, which looks again in five minutes only.
    let rig = Rig::unready(async |stand_ins| {
        let officer = Officer::of(stand_ins);
        officer.write("entrada-client-secret", secret).await;
        secretless(stand_ins)
    })
    .await;
    let officer = Officer::of(&rig.stand_ins);
    officer.write("entrada-key-ring", rig.key_ring()).await;
    serves(&rig, "client secret of the key vault").await;
    assert!(!rig.handler.log().contains(secret));
}
