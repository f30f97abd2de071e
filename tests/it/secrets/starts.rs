//! Starts with something missing: the server binds, says what is missing, and
//! heals without a restart.

use entrada::identity::Door;
use serde_json::{Value, json};
use uuid::Uuid;

use super::wrapped::{WrappedCalls, complains, in_time, succeeds};
use super::{Officer, control, own_token, secretless};
use crate::functions::{bearer, call};
use crate::rig::{Person, Rig, until};

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
    // The vault may not have answered yet.
    let what = format!("health says {code}");
    until(&what, async || {
        let (status, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
        assert_eq!(status, 503, "{health}");
        if !named(&health).contains(&code) {
            return false;
        }
        assert_eq!(health["services"]["api"], "unavailable", "{health}");
        assert_eq!(health["services"]["key_vault"], "unavailable", "{health}");
        true
    })
    .await;
    let token = own_token(rig, Door::Mcp);
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
    until("a token of Entra's is let in", async || {
        let (status, answer) = rig.get("/mcp/tools", &rig.token("reader")).await;
        assert!(matches!(status, 200 | 503), "{answer}");
        status == 200
    })
    .await;
}

/// The server works, and is the process that it was.
async fn works(rig: &Rig) {
    rig.handler.wait().await;
    let (status, _) = rig.get("/mcp/tools", &own_token(rig, Door::Mcp)).await;
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
    let mut health = Value::Null;
    until("health is healthy", async || {
        health = rig.ask(rig.http.get(rig.url("/api/health"))).await.1;
        health["status"] == "healthy"
    })
    .await;
    health
}

/// A start without keys.
struct Start {
    /// What the stand-ins are told before it: which of their controls, and what.
    broken: Option<(&'static str, Value)>,
    /// What mends that.
    mended: Option<(&'static str, Value)>,
    /// Whether the vault holds a ring all the while.
    has_ring: bool,
    /// What is missing, as a code and in words.
    code: &'static str,
    words: &'static str,
}

/// The server starts without keys, says so wherever they are needed, and works
/// as soon as they are there.
async fn is_waited_for(start: Start) -> Rig {
    let rig = Rig::unready(async |stand_ins| {
        if let Some((path, body)) = start.broken {
            control(stand_ins, path, body).await;
        }
        secretless(stand_ins)
    })
    .await;
    let officer = Officer::of(&rig.stand_ins);
    if start.has_ring {
        officer.write("entrada-key-ring", rig.key_ring()).await;
    }
    // Calls of the Functions host may come first of all.
    let own = bearer(&own_token(&rig, Door::Webhook));
    complains(&rig, "whoami", json!({}), &own, "").await;
    says_what_is_missing(&rig, start.code).await;
    let calls = WrappedCalls::of(&rig, own);
    calls.fail(&rig, start.words).await;
    if let Some((path, body)) = start.mended {
        control(&rig.stand_ins, path, body).await;
    }
    if !start.has_ring {
        officer.write("entrada-key-ring", rig.key_ring()).await;
    }
    works(&rig).await;
    calls.succeed(&rig).await;
    rig
}

#[tokio::test]
async fn a_vault_that_refuses_is_waited_for() {
    let rig = is_waited_for(Start {
        broken: Some(("vault-access", json!({"role": "none"}))),
        mended: Some(("vault-access", json!({"role": "secrets_user"}))),
        has_ring: true,
        code: "KEY_VAULT_FORBIDDEN",
        words: "the key vault refuses this server",
    })
    .await;
    let health = healthy(&rig).await;
    assert_eq!(health["services"]["key_vault"], "operational");
    assert_eq!(health["missing"], json!([]));
    let credential = "federated credential of the managed identity";
    assert_eq!(health["entra_credential"], credential);
}

#[tokio::test]
async fn a_vault_without_a_key_ring_is_waited_for() {
    is_waited_for(Start {
        broken: None,
        mended: None,
        has_ring: false,
        code: "KEY_RING_MISSING",
        words: "the key vault holds no key ring yet",
    })
    .await;
}

/// Every request to a route of the stand-ins fails.
fn down(route: &str, status: u16) -> (&'static str, Value) {
    let fault = json!({"route": route, "status": status, "times": 1_000_000});
    ("faults", fault)
}

#[tokio::test]
async fn a_vault_that_does_not_answer_is_waited_for() {
    is_waited_for(Start {
        broken: Some(down("/secrets/", 503)),
        mended: Some(("reset", json!({}))),
        has_ring: false,
        code: "KEY_VAULT_UNREACHABLE",
        words: "the key vault, which holds the key ring, does not answer",
    })
    .await;
}

#[tokio::test]
async fn an_identity_that_gets_no_token_is_waited_for() {
    is_waited_for(Start {
        broken: Some(down("/msi/token", 500)),
        mended: Some(("reset", json!({}))),
        has_ring: false,
        code: "MANAGED_IDENTITY_UNAVAILABLE",
        words: "the managed identity gets no token for it",
    })
    .await;
}

#[tokio::test]
async fn a_ring_in_use_outlives_its_vault() {
    let rig = Rig::unready(async |stand_ins| secretless(stand_ins)).await;
    let officer = Officer::of(&rig.stand_ins);
    officer.write("entrada-key-ring", rig.key_ring()).await;
    works(&rig).await;
    let role = json!({"role": "none"});
    control(&rig.stand_ins, "vault-access", role).await;
    // A key id that is not known makes the server look into the vault. It may
    // be one of a newer ring, so the token is not called bad.
    let foreign = json!({"kid": "2026-01-01-00000000", "alg": "ES256", "typ": "at+jwt"});
    let (status, _) = rig
        .get(
            "/mcp/tools",
            &super::with_header(&own_token(&rig, Door::Mcp), &foreign),
        )
        .await;
    assert_eq!(status, 503);
    let (status, _) = rig.get("/mcp/tools", &own_token(&rig, Door::Mcp)).await;
    assert_eq!(status, 200);
    until("health says that the vault is away", async || {
        let (_, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
        if health["services"]["key_vault"] != "degraded" {
            return false;
        }
        assert_eq!(named(&health), ["KEY_VAULT_FORBIDDEN"], "{health}");
        true
    })
    .await;
}

/// A federated credential that is not there yet: sign-ins and calls on behalf
/// of a person wait, everything that needs no credential of ours works.
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
    let reader = bearer(&rig.token("reader"));
    complains(&rig, "graph_me", json!({}), &reader, code).await;
    let answer = in_time(call(&rig, "whoami", json!({}), &reader)).await;
    assert_eq!(answer["isError"], false, "{answer}");
    until("health says that the credential is missing", async || {
        let (status, health) = rig.ask(rig.http.get(rig.url("/api/health"))).await;
        assert_eq!(status, 200, "{health}");
        if named(&health) != ["FEDERATED_CREDENTIAL_MISSING"] {
            return false;
        }
        assert_eq!(health["services"]["azure_ad"], "degraded", "{health}");
        true
    })
    .await;
    let trusted = json!({"state": "trusted"});
    control(&rig.stand_ins, "federated-credential", trusted).await;
    works(&rig).await;
    succeeds(&rig, "graph_me", json!({}), &reader).await;
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
        .env("ENTRADA_LOG", "entrada=loud=er")
        .env("ENTRADA_POLICY", &policy)
        .env("ENTRADA_AGENTS", folder.path().join("agents.json"))
        .env("ENTRADA_KEY_RING", "{}")
        .env("ENTRADA_CLIENT_CERTIFICATE", folder.path().join("app.pem"))
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    for name in [
        "ENTRADA_AGENTS",
        "ENTRADA_KEY_RING",
        "ENTRADA_CLIENT_CERTIFICATE",
        "ENTRADA_TENANT_ID",
        "ENTRADA_CLIENT_ID",
        "ENTRADA_STORAGE",
        "ENTRADA_KEY_VAULT_URL",
        "ENTRADA_IDENTITY_CLIENT_ID",
        "ENTRADA_DAEMONS",
        "ENTRADA_LOG",
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
        .env("ENTRADA_CLIENT_CERTIFICATE", file("app.pem"))
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
        "ENTRADA_CLIENT_CERTIFICATE",
        "ENTRADA_POLICY",
        "ENTRADA_AGENTS",
    ] {
        assert!(text.contains(&format!("\n  {name}: ")), "{name}: {text}");
    }
}
