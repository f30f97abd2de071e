//! `entrada doctor --url`: each fault of a server, or of what stands in front
//! of it, seeded by itself.

use super::front::{Damage, Front};
use super::program::{entrada, found, while_well};
use crate::rig::{Rig, by_address};

async fn diagnose(rig: &Rig, url: &str) -> (i32, Vec<String>) {
    let arguments = ["doctor", "--url", url, "--json"];
    let run = while_well(rig, async || entrada(&[], &arguments, "").await).await;
    (run.code, found(&run))
}

const LIMITED: (&str, &str) = ("ENTRADA_REQUESTS_PER_MINUTE", "10000");

const SERVER: &str = "/.well-known/oauth-authorization-server";
const RESOURCE: &str = "/.well-known/oauth-protected-resource/mcp";
const WEBHOOK: &str = "/runtime/webhooks/mcp";
const HEALTH: &str = "/api/health";
const SOUND: &str = "\"storage\":\"operational\"";
const AWAY: &str = "\"storage\":\"unavailable\"";
const NOTHING: &str = "\"missing\":[]";
const REFUSED: &str = "\"missing\":[{\"code\":\"CREDENTIAL_REFUSED\",\"detail\":\"no\"}]";
const FORBIDDEN: &str = "\"missing\":[{\"code\":\"KEY_VAULT_FORBIDDEN\",\"detail\":\"no\"}]";
const KNOWN: &str = "\"client_addresses\":\"known\"";
const MISSING: &str = "\"client_addresses\":\"missing\"";
const UNSEEN: &str = "\"client_addresses\":\"unseen\"";

/// What is spoilt, and the finding that says so.
const SEEDS: [(Damage, &str); 24] = [
    (Damage::Status("/", 404), "not-entrada"),
    (Damage::Status("/", 503), "not-entrada"),
    (
        Damage::Redirect("https://localhost/.auth/login/aad"),
        "platform-authentication",
    ),
    (Damage::Replace(HEALTH, SOUND, AWAY), "server-storage"),
    (Damage::Status(HEALTH, 404), "health"),
    (
        Damage::Replace(HEALTH, NOTHING, REFUSED),
        "server-credential",
    ),
    (
        Damage::Replace(HEALTH, NOTHING, FORBIDDEN),
        "server-key-vault",
    ),
    (Damage::Replace(HEALTH, KNOWN, MISSING), "caller-address"),
    (Damage::Drop(HEALTH, "cache-control"), "headers"),
    (Damage::Replace(SERVER, "S256", "plain"), "server-metadata"),
    (Damage::Status(RESOURCE, 404), "resource-metadata"),
    (
        Damage::Replace("/.well-known/jwks.json", "\"keys\"", "\"none\""),
        "published-keys",
    ),
    (Damage::Drop("/auth/login", "set-cookie"), "cookie"),
    (
        Damage::ReplaceHeader("/auth/login", "set-cookie", "HttpOnly; ", ""),
        "cookie",
    ),
    (Damage::Status("/auth/login", 200), "cookie"),
    (
        Damage::ReplaceHeader("/auth/login", "location", "code_challenge_method", "x"),
        "sign-in",
    ),
    (Damage::Drop("/mcp", "www-authenticate"), "challenge"),
    // As a host answers that asks for a system key.
    (Damage::Status(WEBHOOK, 401), "extension-door"),
    (Damage::Status(WEBHOOK, 404), "extension-door-missing"),
    (
        Damage::Set(SERVER, "access-control-allow-credentials", "true"),
        "cors",
    ),
    (
        Damage::Drop("/token", "access-control-allow-origin"),
        "cors",
    ),
    (
        Damage::Set("/mcp", "access-control-allow-origin", "*"),
        "foreign-origin",
    ),
    (
        Damage::Drop("/", "content-security-policy"),
        "content-security-policy",
    ),
    (Damage::Collect, "streaming"),
];

#[tokio::test]
async fn a_sound_server_has_no_finding() {
    let rig = Rig::with(&[by_address(), LIMITED]).await;
    assert_eq!(diagnose(&rig, &rig.handler.base).await, (0, Vec::new()));
}

#[tokio::test]
async fn each_fault_of_what_stands_in_front_is_named_by_itself() {
    let mut front = Front::bind().await;
    let rig = Rig::with(&[by_address(), LIMITED, ("ENTRADA_BASE_URL", &front.url)]).await;
    front.serve(rig.handler.url(""), rig.http.clone());
    assert_eq!(diagnose(&rig, &front.url).await, (0, Vec::new()));
    for (damage, id) in SEEDS {
        front.spoil(&[damage]);
        let (code, mut ids) = diagnose(&rig, &front.url).await;
        if let Damage::Status("/auth/login", _) = damage {
            // No sign-in at all is seen by both of its halves.
            ids.retain(|id| id != "sign-in");
        }
        assert_eq!((code, ids), (1, vec![id.to_owned()]), "{damage:?}");
    }
    front.spoil(&[Damage::HideOrigin]);
    let (_, ids) = diagnose(&rig, &front.url).await;
    assert!(ids.contains(&"foreign-origin".to_owned()), "{ids:?}");
}

#[tokio::test]
async fn nobody_there_and_another_name_are_named() {
    let rig = Rig::with(&[by_address(), LIMITED]).await;
    let other = rig.handler.base.replace("localhost", "127.0.0.1");
    assert_eq!(
        diagnose(&rig, &other).await,
        (1, vec!["base-url".to_owned()])
    );
    let gone = diagnose(&rig, "http://localhost:9").await;
    assert_eq!(gone, (1, vec!["unreachable".to_owned()]));
}

#[tokio::test]
async fn an_address_header_that_does_not_come_and_limits_that_are_off_are_named() {
    let rig = Rig::with(&[("ENTRADA_CLIENT_IP_HEADER", "client-ip")]).await;
    let warned = vec!["limits-off".to_owned()];
    assert_eq!(diagnose(&rig, &rig.handler.base).await, (0, warned));
    let rig = Rig::with(&[LIMITED, ("ENTRADA_CLIENT_IP_HEADER", "client-ip")]).await;
    let named = vec!["caller-address".to_owned()];
    assert_eq!(diagnose(&rig, &rig.handler.base).await, (1, named));
}

/// Another instance may answer than the one at whose door the doctor was.
#[tokio::test]
async fn addresses_that_nobody_has_shown_yet_are_not_called_known() {
    let mut front = Front::bind().await;
    let rig = Rig::with(&[by_address(), LIMITED, ("ENTRADA_BASE_URL", &front.url)]).await;
    front.serve(rig.handler.url(""), rig.http.clone());
    for (damages, expected) in [
        (&[][..], "good"),
        (&[Damage::Replace(HEALTH, KNOWN, UNSEEN)], "skipped"),
    ] {
        front.spoil(damages);
        let arguments = ["doctor", "--url", &front.url, "--json"];
        let report = entrada(&[], &arguments, "").await.json();
        let lines = report["areas"][0][1].as_array().unwrap();
        let about = lines.iter().find(|line| {
            let what = line["what"].as_str().unwrap();
            what.starts_with("callers' addresses")
        });
        assert_eq!(about.unwrap()["result"], expected, "{report}");
    }
}

/// As a server says it whose credential Entra does not take: it goes on, and
/// calls Entra degraded.
#[tokio::test]
async fn a_credential_that_entra_refuses_is_a_fault_by_its_code() {
    let mut front = Front::bind().await;
    let rig = Rig::with(&[by_address(), LIMITED, ("ENTRADA_BASE_URL", &front.url)]).await;
    front.serve(rig.handler.url(""), rig.http.clone());
    let sound = "\"azure_ad\":\"operational\"";
    let degraded = "\"azure_ad\":\"degraded\"";
    front.spoil(&[
        Damage::Replace(HEALTH, NOTHING, REFUSED),
        Damage::Replace(HEALTH, sound, degraded),
    ]);
    let named = vec!["server-credential".to_owned()];
    assert_eq!(diagnose(&rig, &front.url).await, (1, named));
}

#[tokio::test]
async fn platform_authentication_is_turned_off_in_the_version_that_the_portal_makes() {
    let mut front = Front::bind().await;
    let rig = Rig::with(&[by_address(), LIMITED]).await;
    front.serve(rig.handler.url(""), rig.http.clone());
    front.spoil(&[Damage::Redirect("https://localhost/.auth/login/aad")]);
    let run = entrada(&[], &["doctor", "--url", &front.url], "").await;
    assert!(
        run.output.contains("/config/authsettingsV2?"),
        "{}",
        run.output
    );
    assert!(!run.output.contains("webapp auth update"));
}
