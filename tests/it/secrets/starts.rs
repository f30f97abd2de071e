//! Starts with something missing: the server binds, says what is missing, and
//! heals without a restart.

use entrada::identity::{Audience, Door, TokenTerms};
use entrada_ambient::{Clock as _, SystemClock};
use entrada_entra::SubjectKind;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Officer, control, secretless};
use crate::rig::{Person, Rig};

/// A good token of the server's own, signed by the ring that it will have.
fn own_token(rig: &Rig) -> String {
    let terms = TokenTerms {
        tenant_id: entrada_stand_ins::directory::CONTOSO,
        object_id: Uuid::from_u128(7),
        name: None,
        email: None,
        roles: vec!["Task.Read".to_owned()],
        client_id: "client".to_owned(),
        grant_id: Uuid::from_u128(8),
        audience: Audience::only(Door::Mcp),
        scope: "mcp".to_owned(),
        kind: SubjectKind::User,
        signed_in_at: SystemClock::new().unix(),
        expires_at: SystemClock::new().unix() + 600,
    };
    let token = rig.own_tokens().issue(terms).unwrap();
    token.expose_secret().to_owned()
}

fn named(health: &Value) -> Vec<&str> {
    let missing = health["missing"].as_array().unwrap();
    missing
        .iter()
        .map(|piece| piece["code"].as_str().unwrap())
        .collect()
}

/// 503 with `Retry-After`, and the text of the answer.
async fn unavailable(request: reqwest::RequestBuilder) -> String {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 503);
    let wait = answer.headers()["retry-after"].to_str().unwrap().to_owned();
    assert!(wait.parse::<u64>().unwrap() >= 1);
    answer.text().await.unwrap()
}

/// What a server says everywhere while it has no keys.
async fn says_what_is_missing(rig: &Rig, code: &str) {
    let (status, _) = rig.ask(rig.http.get(rig.url("/"))).await;
    assert_eq!(status, 200);
    // The first finding may be from before the vault had answered.
    for attempt in 0.. {
        let (status, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
        assert_eq!(status, 503, "{health}");
        if named(&health).contains(&code) {
            assert_eq!(health["services"]["api"], "unavailable", "{health}");
            assert_eq!(health["services"]["key_vault"], "unavailable", "{health}");
            break;
        }
        assert!(attempt < 60, "{health}");
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    let token = own_token(rig);
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let requests = [
        rig.http.get(rig.url("/.well-known/jwks.json")),
        rig.http.get(rig.url("/auth/login")),
        rig.http.get(rig.url("/mcp/tools")).bearer_auth(&token),
        rig.http
            .post(rig.url("/mcp"))
            .bearer_auth(&token)
            .json(&call),
    ];
    for request in requests {
        let text = unavailable(request).await;
        assert!(text.contains(code), "{text}");
    }
    // Who brings a token of Entra's needs none of our keys, once the list of
    // what was revoked is there.
    for attempt in 0.. {
        let (status, answer) = rig.get("/mcp/tools", &rig.token("reader")).await;
        if status == 200 {
            break;
        }
        assert!(attempt < 60 && status == 503, "{answer}");
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
}

/// The server works, and is the process that it was.
async fn works(rig: &Rig) {
    rig.handler.wait().await;
    let (status, _) = rig.get("/mcp/tools", &own_token(rig)).await;
    assert_eq!(status, 200);
    let tokens = Person::new(rig, "reader").tokens().await;
    let access = tokens["access_token"].as_str().unwrap();
    let (status, _) = rig.get("/mcp/tools", access).await;
    assert_eq!(status, 200);
    let log = rig.handler.log();
    let starts = log.matches("\"message\":\"listening\"").count();
    assert_eq!(starts, 1, "{log}");
    let secrets = ["\"d\":", rig.key_ring(), access];
    assert!(secrets.iter().all(|secret| !log.contains(secret)));
}

async fn healthy(rig: &Rig) -> Value {
    for _ in 0..60 {
        let (_, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
        if health["status"] == "healthy" {
            return health;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    panic!("not healthy:\n{}", rig.handler.log());
}

#[tokio::test]
async fn a_vault_that_refuses_is_waited_for() {
    let rig = Rig::unready(async |stand_ins| {
        control(stand_ins, "vault-access", json!({"role": "none"})).await;
        secretless(stand_ins)
    })
    .await;
    let officer = Officer::of(&rig.stand_ins);
    officer.write("entrada-key-ring", rig.key_ring()).await;
    says_what_is_missing(&rig, "KEY_VAULT_FORBIDDEN").await;
    let role = json!({"role": "secrets_user"});
    control(&rig.stand_ins, "vault-access", role).await;
    works(&rig).await;
    let health = healthy(&rig).await;
    assert_eq!(health["services"]["key_vault"], "operational");
    assert_eq!(health["missing"], json!([]));
    let credential = "federated credential of the managed identity";
    assert_eq!(health["entra_credential"], credential);
}

#[tokio::test]
async fn a_vault_without_a_key_ring_is_waited_for() {
    let rig = Rig::unready(async |stand_ins| secretless(stand_ins)).await;
    says_what_is_missing(&rig, "KEY_RING_MISSING").await;
    let officer = Officer::of(&rig.stand_ins);
    officer.write("entrada-key-ring", rig.key_ring()).await;
    works(&rig).await;
}

#[tokio::test]
async fn a_vault_that_does_not_answer_is_waited_for() {
    let rig = Rig::unready(async |stand_ins| {
        let down = json!({"route": "/secrets/", "status": 503, "times": 1_000_000});
        control(stand_ins, "faults", down).await;
        secretless(stand_ins)
    })
    .await;
    says_what_is_missing(&rig, "KEY_VAULT_UNREACHABLE").await;
    control(&rig.stand_ins, "reset", json!({})).await;
    let officer = Officer::of(&rig.stand_ins);
    officer.write("entrada-key-ring", rig.key_ring()).await;
    works(&rig).await;
}

#[tokio::test]
async fn an_identity_that_gets_no_token_is_waited_for() {
    let rig = Rig::unready(async |stand_ins| {
        let down = json!({"route": "/msi/token", "status": 500, "times": 1_000_000});
        control(stand_ins, "faults", down).await;
        secretless(stand_ins)
    })
    .await;
    says_what_is_missing(&rig, "MANAGED_IDENTITY_UNAVAILABLE").await;
    control(&rig.stand_ins, "reset", json!({})).await;
    let officer = Officer::of(&rig.stand_ins);
    officer.write("entrada-key-ring", rig.key_ring()).await;
    works(&rig).await;
}

#[tokio::test]
async fn a_ring_in_use_outlives_its_vault() {
    let rig = Rig::unready(async |stand_ins| secretless(stand_ins)).await;
    let officer = Officer::of(&rig.stand_ins);
    officer.write("entrada-key-ring", rig.key_ring()).await;
    works(&rig).await;
    let role = json!({"role": "none"});
    control(&rig.stand_ins, "vault-access", role).await;
    // A key id that is not known makes the server look into the vault.
    let foreign = json!({"kid": "2026-01-01-00000000", "alg": "ES256", "typ": "at+jwt"});
    let (status, _) = rig
        .get(
            "/mcp/tools",
            &super::with_header(&own_token(&rig), &foreign),
        )
        .await;
    assert_eq!(status, 401);
    let (status, _) = rig.get("/mcp/tools", &own_token(&rig)).await;
    assert_eq!(status, 200);
    for _ in 0..60 {
        let (_, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
        if health["services"]["key_vault"] == "degraded" {
            assert_eq!(named(&health), ["KEY_VAULT_FORBIDDEN"], "{health}");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    panic!("health does not say it:\n{}", rig.handler.log());
}

/// A federated credential that is not there yet: sign-ins wait, everything
/// that needs no credential of ours works.
async fn without_federated_credential(state: &str, code: &str) {
    let rig = Rig::unready(async |stand_ins| {
        control(stand_ins, "federated-credential", json!({"state": state})).await;
        secretless(stand_ins)
    })
    .await;
    let officer = Officer::of(&rig.stand_ins);
    officer.write("entrada-key-ring", rig.key_ring()).await;
    rig.handler.wait().await;
    let mut person = Person::new(&rig, "reader");
    let authorize = person.begin("").await;
    let callback = person.sign_in_at_entra(&authorize).await;
    let answer = person.visit(&callback).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let text = answer.text().await.unwrap();
    assert!(text.contains(code), "{text}");
    for attempt in 0.. {
        let (status, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
        assert_eq!(status, 200, "{health}");
        if named(&health) == ["FEDERATED_CREDENTIAL_MISSING"] {
            assert_eq!(health["services"]["azure_ad"], "degraded", "{health}");
            break;
        }
        assert!(attempt < 60, "{health}");
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    let trusted = json!({"state": "trusted"});
    control(&rig.stand_ins, "federated-credential", trusted).await;
    works(&rig).await;
}

#[tokio::test]
async fn a_federated_credential_that_does_not_count_yet_is_waited_for() {
    without_federated_credential("propagating", "AADSTS70021").await;
}

#[tokio::test]
async fn a_federated_credential_for_another_identity_is_waited_for() {
    without_federated_credential("other_subject", "AADSTS700213").await;
}

#[tokio::test]
async fn a_federated_credential_that_is_not_there_is_waited_for() {
    without_federated_credential("absent", "AADSTS70025").await;
}

#[tokio::test]
async fn faults_in_settings_and_policy_end_the_start_and_are_all_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let policy = folder.path().join("policy.json");
    std::fs::write(&policy, r#"{"tools": {"Nobody": ["read"]}}"#).unwrap();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_entrada"))
        .env_clear()
        .env("ENTRADA_TENANT_ID", "contoso")
        .env("ENTRADA_KEY_VAULT_URL", "http://kv.vault.azure.net")
        .env("ENTRADA_IDENTITY_CLIENT_ID", "identity")
        .env("ENTRADA_DAEMONS", "perhaps")
        .env("ENTRADA_POLICY", &policy)
        .env("ENTRADA_AGENTS", folder.path().join("agents.json"))
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    for name in [
        "ENTRADA_TENANT_ID",
        "ENTRADA_CLIENT_ID",
        "ENTRADA_STORAGE",
        "ENTRADA_KEY_VAULT_URL",
        "ENTRADA_IDENTITY_CLIENT_ID",
        "ENTRADA_DAEMONS",
        "ENTRADA_POLICY",
    ] {
        assert!(text.contains(&format!("\n  {name}: ")), "{name}: {text}");
    }
}

#[tokio::test]
async fn faults_in_files_end_the_start_and_are_all_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("policy.json"), "{").unwrap();
    let id = Uuid::from_u128(1).to_string();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_entrada"))
        .env_clear()
        .env("ENTRADA_TENANT_ID", &id)
        .env("ENTRADA_CLIENT_ID", &id)
        .env("ENTRADA_STORAGE", "AccountName=x")
        .env("ENTRADA_KEY_RING", "{}")
        .env("ENTRADA_CLIENT_SECRET", "secret")
        .env("ENTRADA_POLICY", file("policy.json"))
        .env("ENTRADA_AGENTS", file("agents.json"))
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    for name in [
        "ENTRADA_STORAGE",
        "ENTRADA_KEY_RING",
        "ENTRADA_POLICY",
        "ENTRADA_AGENTS",
    ] {
        assert!(text.contains(&format!("\n  {name}: ")), "{name}: {text}");
    }
}
