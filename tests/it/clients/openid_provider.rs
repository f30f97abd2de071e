//! A certified `OpenID` provider by somebody else where Entra ID would be.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use entrada_stand_ins::directory::{CLIENT_ID, CLIENT_SECRET, CONTOSO};
use entrada_tables::{Condition, Query, Row};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin};

use super::{clients, node, passes};
use crate::rig::{Rig, free_port};

/// The running provider.
struct Provider {
    _child: Child,
    input: ChildStdin,
    lines: Arc<Mutex<Vec<String>>>,
    folder: TempDir,
    authority: String,
}

impl Provider {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        write_certificates(&folder);
        let file = |name: &str| folder.path().join(name);
        let port = free_port();
        let mut child = node("oauth/oidc_provider.mjs")
            .args([file("certificate.pem"), file("key.pem")])
            .args([
                CONTOSO.to_string(),
                CLIENT_ID.to_string(),
                CLIENT_SECRET.to_owned(),
            ])
            .arg(port.to_string())
            .env(
                "ENTRADA_TEST_NODE_MODULES",
                clients().join("node/node_modules"),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("`cargo xtask test` installs the provider");
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = output.next_line().await.unwrap();
        assert_eq!(ready.as_deref(), Some("ready"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let said = Arc::clone(&lines);
        tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                said.lock().unwrap().push(line);
            }
        });
        Self {
            input: child.stdin.take().unwrap(),
            _child: child,
            lines,
            folder,
            authority: format!("https://localhost:{port}"),
        }
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Registers where the server is called back at.
    async fn register(&mut self, redirect_uri: &str) {
        self.input
            .write_all(format!("{redirect_uri}\n").as_bytes())
            .await
            .unwrap();
    }

    /// What it told of one kind: `authorization`, `grant` or `refused`.
    fn told(&self, kind: &str) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        let of_kind = lines
            .iter()
            .filter_map(|line| line.strip_prefix(kind)?.strip_prefix(' '));
        of_kind
            .map(|text| serde_json::from_str(text).unwrap())
            .collect()
    }
}

fn write_certificates(folder: &TempDir) {
    let ca_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority
        .distinguished_name
        .push(DnType::CommonName, "A private authority");
    let ca = authority.self_signed(&ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    server
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    server.use_authority_key_identifier_extension = true;
    let server = server
        .signed_by(&key, &Issuer::new(authority, ca_key))
        .unwrap();
    for (name, text) in [
        ("ca.pem", ca.pem()),
        ("certificate.pem", server.pem()),
        ("key.pem", key.serialize_pem()),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
}

/// Kills the server, makes what it got from the provider ten minutes older, so
/// that it refreshes it with the next chance, and starts the server again.
async fn age(rig: &mut Rig, refresh_token: &str) {
    const TABLE: &str = "entradagrants";
    const OBTAINED_AT: &str = "upstream_obtained_at";
    rig.handler.kill().await;
    {
        let tables = rig.tables();
        let partition = refresh_token.split('.').nth(1).unwrap();
        let query = Query::partition(partition);
        let rows = entrada_tables::query_all(tables.as_ref(), TABLE, &query, 100)
            .await
            .unwrap();
        let mut aged = 0;
        for row in rows {
            let Ok(obtained_at) = row.int64(OBTAINED_AT) else {
                continue;
            };
            let older = Row::new(row.partition, row.row).with(OBTAINED_AT, obtained_at - 600);
            tables.merge(TABLE, &older, &Condition::None).await.unwrap();
            aged += 1;
        }
        assert_eq!(aged, 1, "one grant in {partition}");
    }
    rig.restart().await;
}

#[tokio::test]
async fn a_provider_of_others_signs_people_in_and_refreshes() {
    let mut provider = Provider::start().await;
    let certificate = provider.certificate();
    let mut rig = Rig::with(&[
        ("ENTRADA_AUTHORITY", &provider.authority),
        ("SSL_CERT_FILE", certificate.to_str().unwrap()),
    ])
    .await;
    provider
        .register(&format!("{}/auth/callback", rig.handler.base))
        .await;
    let folder = TempDir::new().unwrap();
    let kept = folder.path().join("kept");
    for phase in ["sign-in", "stored", "stored"] {
        let mut command = node("oauth/typescript_v2.mjs");
        command.args([phase, &rig.handler.base]).arg(&kept);
        passes(&mut command, &certificate).await;
        let held: Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
        age(&mut rig, held["tokens"]["refresh_token"].as_str().unwrap()).await;
    }
    let authorizations = provider.told("authorization");
    assert_eq!(authorizations.len(), 1, "{authorizations:?}");
    let asked = &authorizations[0];
    assert!(
        asked["prompt"].as_str().unwrap().contains("select_account"),
        "{asked}"
    );
    assert_eq!(asked["code_challenge_method"], "S256", "{asked}");
    assert_eq!(asked["nonce"], true, "{asked}");
    assert_eq!(asked["state"], true, "{asked}");
    let scope = format!("{CLIENT_ID}/access_as_user openid profile offline_access");
    assert_eq!(asked["scope"], scope, "{asked}");
    // Each refresh of the client's after the first was one of the server's
    // here; a refresh token that was used twice would have ended the sign-in.
    let grants = provider.told("grant");
    let of = |kind: &str| {
        grants
            .iter()
            .filter(|grant| grant["grant_type"] == kind)
            .count()
    };
    assert_eq!(
        (of("authorization_code"), of("refresh_token")),
        (1, 2),
        "{grants:?}"
    );
    assert_eq!(provider.told("refused"), Vec::<Value>::new());
}
