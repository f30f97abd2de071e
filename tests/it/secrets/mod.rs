//! Key Vault and managed identity: a server without a secret among its
//! settings, from its first minutes on.

mod credentials;
mod first_requests;
mod keys;
mod re_encryption;
mod rotation;
mod starts;
mod storage;
mod wrapped;

use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrada::identity::{Audience, Door, TokenTerms};
use entrada_ambient::{Clock as _, SystemClock};
use entrada_entra::SubjectKind;
use entrada_stand_ins::StandIns;
use entrada_stand_ins::directory::{IDENTITY_HEADER, MANAGED_IDENTITY_CLIENT_ID};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::process::Command;
use uuid::Uuid;

use crate::rig::Rig;

/// The stand-ins' vault in the hands of its officer.
pub(super) struct Officer<'a> {
    stand_ins: &'a StandIns,
    http: reqwest::Client,
}

impl<'a> Officer<'a> {
    #[expect(
        clippy::disallowed_methods,
        reason = "only this client trusts the private CA"
    )]
    pub(super) fn of(stand_ins: &'a StandIns) -> Self {
        let ca = reqwest::Certificate::from_pem(stand_ins.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .add_root_certificate(ca)
            .build()
            .unwrap();
        Self { stand_ins, http }
    }

    fn request(&self, method: reqwest::Method, name: &str) -> reqwest::RequestBuilder {
        let url = format!(
            "{}secrets/{name}?api-version=7.6",
            self.stand_ins.vault_url()
        );
        let token = self
            .stand_ins
            .mint(&entrada_stand_ins::TokenRequest {
                resource: Some("https://vault.azure.net".to_owned()),
                ..entrada_stand_ins::TokenRequest::for_persona("daemon")
            })
            .unwrap();
        self.http.request(method, url).bearer_auth(token)
    }

    pub(super) async fn write(&self, name: &str, value: &str) {
        let request = self.request(reqwest::Method::PUT, name);
        let answer = request.json(&json!({"value": value})).send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{}",
            answer.text().await.unwrap()
        );
    }

    pub(super) async fn read(&self, name: &str) -> Option<String> {
        let request = self.request(reqwest::Method::GET, name);
        let bundle: Value = request.send().await.unwrap().json().await.unwrap();
        bundle["value"].as_str().map(str::to_owned)
    }

    pub(super) async fn delete(&self, name: &str) {
        let request = self.request(reqwest::Method::DELETE, name);
        assert!(request.send().await.unwrap().status().is_success());
    }

    pub(super) async fn ring(&self) -> Value {
        let text = self.read("entrada-key-ring").await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    pub(super) async fn write_ring(&self, ring: &Value) {
        self.write("entrada-key-ring", &ring.to_string()).await;
    }
}

/// Asks something of the stand-ins' control surface.
pub(super) async fn control(stand_ins: &StandIns, path: &str, body: Value) {
    let http = entrada_ambient::http_client(&entrada_ambient::NetworkOptions::default()).unwrap();
    let url = format!("{}stand-in/{path}", stand_ins.url());
    let answer = http.post(url).json(&body).send().await.unwrap();
    assert!(
        answer.status().is_success(),
        "{}",
        answer.text().await.unwrap()
    );
}

/// Settings as on Azure: a vault and an identity, and no secret at all.
pub(super) fn secretless(stand_ins: &StandIns) -> Vec<(String, String)> {
    [
        ("ENTRADA_CLIENT_SECRET", String::new()),
        ("ENTRADA_KEY_RING", String::new()),
        ("ENTRADA_KEY_VAULT_URL", stand_ins.vault_url().to_string()),
        (
            "ENTRADA_IDENTITY_CLIENT_ID",
            MANAGED_IDENTITY_CLIENT_ID.to_string(),
        ),
        ("IDENTITY_ENDPOINT", stand_ins.identity_endpoint()),
        ("IDENTITY_HEADER", IDENTITY_HEADER.to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// `entrada keys …` against the rig's vault.
pub(super) fn command(rig: &Rig, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entrada"));
    command
        .env_clear()
        .envs(secretless(&rig.stand_ins))
        .env("SSL_CERT_FILE", rig.certificate())
        .arg("keys")
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// What `entrada keys …` printed, and whether it succeeded.
pub(super) async fn keys(rig: &Rig, arguments: &[&str]) -> (bool, String) {
    let output = command(rig, arguments).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text + &errors)
}

/// A good token of the server's own for `door`, signed by the ring that it will
/// have.
fn own_token(rig: &Rig, door: Door) -> String {
    let terms = TokenTerms {
        tenant_id: entrada_stand_ins::directory::CONTOSO,
        object_id: Uuid::from_u128(7),
        name: None,
        email: None,
        roles: vec!["Task.Read".to_owned()],
        client_id: "client".to_owned(),
        grant_id: Uuid::from_u128(8),
        audience: Audience::only(door),
        scope: "mcp".to_owned(),
        kind: SubjectKind::User,
        signed_in_at: SystemClock::new().unix(),
        expires_at: SystemClock::new().unix() + 600,
    };
    let token = rig.own_tokens().issue(terms).unwrap();
    token.expose_secret().to_owned()
}

/// The header of a token.
fn header(token: &str) -> Value {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
    serde_json::from_slice(&header.unwrap()).unwrap()
}

/// A token with another header.
fn with_header(token: &str, header: &Value) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

/// The ids of a ring's keys of one use.
fn kids(ring: &Value, key_use: &str) -> Vec<String> {
    let keys = ring["keys"].as_array().unwrap().iter();
    keys.filter(|key| key["use"] == key_use)
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

/// Makes every key of the vault's ring so many minutes older than it is.
async fn age(officer: &Officer<'_>, minutes: i64) {
    age_seconds(officer, minutes * 60).await;
}

/// So many seconds.
async fn age_seconds(officer: &Officer<'_>, seconds: i64) {
    let mut ring = officer.ring().await;
    for key in ring["keys"].as_array_mut().unwrap() {
        let made = key["created_at"].as_str().unwrap();
        let made = OffsetDateTime::parse(made, &Rfc3339).unwrap();
        let made = made - time::Duration::seconds(seconds);
        key["created_at"] = json!(made.format(&Rfc3339).unwrap());
    }
    officer.write_ring(&ring).await;
}
