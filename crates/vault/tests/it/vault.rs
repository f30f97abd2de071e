//! The vault's client against the Key Vault stand-in.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::Error;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use entrada_ambient::{Clock, NetworkOptions, SystemClock, SystemRandom, http_client};
use entrada_stand_ins::{StandInOptions, StandIns, TokenRequest, start};
use entrada_vault::{LONGEST_VALUE, Vault, VaultError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

/// The managed identity, or nobody.
#[derive(Debug)]
struct Identity(Option<Arc<StandIns>>);

#[async_trait]
impl TokenCredential for Identity {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://vault.azure.net/.default"]);
        let Some(stand_ins) = &self.0 else {
            return Err(Error::with_message(ErrorKind::Credential, "nobody is here"));
        };
        let token = stand_ins.managed_identity_token("https://vault.azure.net");
        let expires = SystemClock::new().now() + Duration::from_hours(1);
        Ok(AccessToken::new(token.unwrap(), expires))
    }
}

struct World {
    stand_ins: Arc<StandIns>,
    http: reqwest::Client,
}

impl World {
    #[expect(
        clippy::disallowed_methods,
        reason = "only this client trusts the private CA"
    )]
    async fn start() -> Self {
        let options = StandInOptions::new(Arc::new(SystemClock::new()), Arc::new(SystemRandom));
        let stand_ins = Arc::new(start(options).await.unwrap());
        let ca = reqwest::Certificate::from_pem(stand_ins.ca_pem().as_bytes()).unwrap();
        let http = reqwest::Client::builder()
            .no_proxy()
            .add_root_certificate(ca)
            .build()
            .unwrap();
        Self { stand_ins, http }
    }

    fn vault(&self) -> Vault {
        let identity = Identity(Some(self.stand_ins.clone()));
        let url = self.stand_ins.vault_url();
        Vault::new(&url, Arc::new(identity), self.http.clone()).unwrap()
    }

    async fn control(&self, path: &str, body: Value) {
        let url = format!("{}stand-in/{path}", self.stand_ins.url());
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    async fn role(&self, role: &str) {
        self.control("vault-access", json!({"role": role})).await;
    }
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

#[tokio::test]
async fn what_is_written_is_read_and_the_newest_counts() {
    let world = World::start().await;
    world.role("secrets_officer").await;
    let vault = world.vault();
    assert!(vault.read("ring").await.unwrap().is_none());
    for value in ["one", "two"] {
        vault
            .write("ring", &secret(value), "text/plain")
            .await
            .unwrap();
        let read = vault.read("ring").await.unwrap().unwrap();
        assert_eq!(read.expose_secret(), value);
    }
    assert!(!format!("{vault:?}").contains("two"));
}

#[tokio::test]
async fn an_identity_without_a_role_is_forbidden() {
    let world = World::start().await;
    let vault = world.vault();
    let error = vault.write("ring", &secret("x"), "text/plain").await;
    let error = error.unwrap_err();
    assert!(
        matches!(&error, VaultError::Forbidden { code } if code == "ForbiddenByRbac"),
        "{error}"
    );
    world.role("none").await;
    let error = vault.read("ring").await.unwrap_err();
    assert!(matches!(error, VaultError::Forbidden { .. }) && error.may_pass());
    world.role("secrets_user").await;
    assert!(vault.read("ring").await.unwrap().is_none());
}

#[tokio::test]
async fn a_network_or_a_secret_that_is_off_is_told_from_a_role_that_is_missing() {
    let world = World::start().await;
    let vault = world.vault();
    for code in [
        "ForbiddenByFirewall",
        "ForbiddenByConnection",
        "SecretDisabled",
    ] {
        let body = json!({"error": {"code": "Forbidden", "innererror": {"code": code}}});
        let fault = json!({"route": "/secrets/ring", "status": 403, "body": body});
        world.control("faults", fault).await;
        let error = vault.read("ring").await.unwrap_err();
        match &error {
            VaultError::Blocked { code: said } => assert_eq!(said, code),
            VaultError::Disabled => assert_eq!(code, "SecretDisabled"),
            _ => panic!("{code}: {error}"),
        }
        // A network rule counts after minutes; nobody enables a secret by waiting.
        assert_eq!(error.may_pass(), code != "SecretDisabled", "{code}");
        assert!(error.to_string().contains(code), "{error}");
    }
}

/// Somebody of another tenant than the vault's.
#[derive(Debug)]
struct Guest(Arc<StandIns>);

#[async_trait]
impl TokenCredential for Guest {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let token = self.0.mint(&TokenRequest {
            resource: Some("https://vault.azure.net".to_owned()),
            ..TokenRequest::for_persona("guest")
        });
        let expires = SystemClock::new().now() + Duration::from_hours(1);
        Ok(AccessToken::new(token.unwrap(), expires))
    }
}

#[tokio::test]
async fn a_token_of_another_tenant_is_told_from_a_role_that_is_missing() {
    let world = World::start().await;
    let url = world.stand_ins.vault_url();
    let guest = Arc::new(Guest(world.stand_ins.clone()));
    let vault = Vault::new(&url, guest, world.http.clone()).unwrap();
    let error = vault.read("ring").await.unwrap_err();
    assert!(
        matches!(&error, VaultError::TokenRefused { code } if code == "AKV10032"),
        "{error:?}"
    );
    // Nobody changes tenants by waiting.
    assert!(!error.may_pass() && error.to_string().contains("AKV10032"));
}

#[tokio::test]
async fn no_token_is_told_from_a_refusal() {
    let world = World::start().await;
    let url = world.stand_ins.vault_url();
    let vault = Vault::new(&url, Arc::new(Identity(None)), world.http.clone()).unwrap();
    let error = vault.read("ring").await.unwrap_err();
    assert!(matches!(error, VaultError::NoToken(_)) && error.may_pass());
}

#[tokio::test]
async fn short_troubles_are_ridden_out_and_long_ones_end() {
    let world = World::start().await;
    let vault = world.vault();
    let busy = json!({"route": "/secrets/ring", "status": 429, "times": 2, "retry_after": 0});
    world.control("faults", busy).await;
    assert!(vault.read("ring").await.unwrap().is_none());
    let down = json!({"route": "/secrets/ring", "status": 503, "times": 20});
    world.control("faults", down).await;
    let error = vault.read("ring").await.unwrap_err();
    assert!(matches!(error, VaultError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_vault_that_is_not_there_is_unreachable() {
    let world = World::start().await;
    let identity = Arc::new(Identity(Some(world.stand_ins.clone())));
    let url = Url::parse("https://localhost:1/").unwrap();
    let vault = Vault::new(&url, identity, world.http.clone()).unwrap();
    let error = vault.read("ring").await.unwrap_err();
    assert!(matches!(error, VaultError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_deleted_name_and_a_long_value_are_told() {
    let world = World::start().await;
    world.role("secrets_officer").await;
    let vault = world.vault();
    let long = secret(&"x".repeat(LONGEST_VALUE + 1));
    let error = vault.write("ring", &long, "text/plain").await.unwrap_err();
    assert!(matches!(error, VaultError::TooLong { bytes } if bytes == LONGEST_VALUE + 1));
    vault
        .write("ring", &secret("x"), "text/plain")
        .await
        .unwrap();
    let token = world
        .stand_ins
        .managed_identity_token("https://vault.azure.net");
    let url = format!(
        "{}secrets/ring?api-version=7.6",
        world.stand_ins.vault_url()
    );
    let deleted = world
        .http
        .delete(url)
        .bearer_auth(token.unwrap())
        .send()
        .await;
    assert!(deleted.unwrap().status().is_success());
    let error = vault.write("ring", &secret("y"), "text/plain").await;
    assert!(matches!(error, Err(VaultError::Deleted)));
}

#[tokio::test]
async fn a_token_goes_to_no_host_outside_the_challenges_domain() {
    let world = World::start().await;
    let port = world.stand_ins.vault_url().port().unwrap();
    let identity = Arc::new(Identity(Some(world.stand_ins.clone())));
    let url = Url::parse(&format!("https://vault.example:{port}/")).unwrap();
    let vault = Vault::new(&url, identity, anywhere()).unwrap();
    let error = vault.read("ring").await.unwrap_err();
    assert!(matches!(error, VaultError::Exchange(_)), "{error:?}");
}

/// A client for which a name outside Azure leads here, with any certificate:
/// what is shown is about the name alone.
#[expect(clippy::disallowed_methods, reason = "for one test")]
fn anywhere() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .resolve("vault.example", ([127, 0, 0, 1], 0).into())
        .danger_accept_invalid_certs(true)
        .build()
        .unwrap()
}

#[test]
fn an_address_that_is_no_vaults_is_refused() {
    let http = http_client(&NetworkOptions::default()).unwrap();
    for address in ["http://kv.vault.azure.net/", "https://kv.vault.azure.net/x"] {
        let url = Url::parse(address).unwrap();
        let vault = Vault::new(&url, Arc::new(Identity(None)), http.clone());
        assert!(matches!(vault, Err(VaultError::Address)), "{address}");
    }
}
