//! `entrada doctor`: each fault of the settings and of what they lead to,
//! seeded by itself.

use std::sync::Arc;

use entrada_ambient::{ManualClock, SystemClock, SystemRandom};
use entrada_stand_ins::StandInOptions;
use serde_json::{Value, json};

use super::program::{entrada, found};
use crate::rig::Rig;
use crate::secrets::{control, secretless};

type Environment = Vec<(String, String)>;

fn changed(rig: &Rig, changes: &[(&str, &str)]) -> Environment {
    let mut environment = rig.handler.environment().to_vec();
    for (name, value) in changes {
        environment.retain(|(known, _)| known != name);
        environment.push(((*name).to_owned(), (*value).to_owned()));
    }
    environment
}

async fn diagnose(environment: &Environment) -> (i32, Vec<String>) {
    let run = entrada(environment, &["doctor", "--json"], "").await;
    (run.code, found(&run))
}

#[tokio::test]
async fn a_sound_set_up_has_no_finding() {
    let rig = Rig::start().await;
    assert_eq!(diagnose(&changed(&rig, &[])).await, (0, Vec::new()));
    let run = entrada(rig.handler.environment(), &["doctor"], "").await;
    assert!(
        run.output.ends_with("Nothing is wrong.\n"),
        "{}",
        run.output
    );
}

#[tokio::test]
async fn each_local_fault_is_named_by_itself() {
    let rig = Rig::start().await;
    let nobodys = rig.certificate().display().to_string();
    let away = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=\
                Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;\
                TableEndpoint=http://127.0.0.1:9/devstoreaccount1";
    for (change, value, id) in [
        ("ENTRADA_TENANT_ID", "", "setting"),
        ("ENTRADA_CLIENT_ID", "entrada", "setting"),
        ("RBAC_ENABLED", "false", "setting"),
        ("ENTRADA_LOG", "entrada=loud=er", "setting"),
        // A file that is there and is not what it should be.
        ("ENTRADA_POLICY", nobodys.as_str(), "policy"),
        ("ENTRADA_AGENTS", &nobodys, "agents"),
        ("ENTRADA_KEY_RING", "{}", "key-ring"),
        ("ENTRADA_STORAGE", away, "storage"),
        ("ENTRADA_STORAGE", "file:/nowhere/entrada.redb", "storage"),
        ("ENTRADA_AUTHORITY", "https://localhost:9", "entra"),
        (
            "ENTRADA_TENANT_ID",
            "00000000-0000-4000-8000-000000000000",
            "tenant",
        ),
        ("ENTRADA_CLIENT_SECRET", "another", "credential"),
        ("ENTRADA_CLIENT_SECRET", "", "setting"),
        ("ENTRADA_REDIRECT_URIS", "http://a.example/back", "setting"),
        ("ENTRADA_CALLBACK_URL", "https://a.example/back", "setting"),
        (
            "ENTRADA_CORS_ORIGINS",
            "https://a.example/app",
            "cors-origin",
        ),
    ] {
        let seeded = changed(&rig, &[(change, value)]);
        let diagnosed = diagnose(&seeded).await;
        assert_eq!(diagnosed, (1, vec![id.to_owned()]), "{change}={value}");
    }
}

#[tokio::test]
async fn a_bad_setting_hides_nothing_that_does_not_follow_from_it() {
    let rig = Rig::start().await;
    let nobodys = rig.certificate().display().to_string();
    for (change, value) in [
        ("ENTRADA_LOG", "entrada=loud=er"),
        ("ENTRADA_TENANT_ID", ""),
        ("ENTRADA_BASE_URL", "http://a.example"),
        ("AZURE_TENANT_ID", "contoso"),
        ("RBAC_ENABLED", "false"),
    ] {
        let mut seeded = changed(
            &rig,
            &[
                (change, value),
                ("ENTRADA_POLICY", &nobodys),
                ("ENTRADA_AGENTS", &nobodys),
                ("ENTRADA_KEY_RING", "{}"),
                ("ENTRADA_STORAGE", "file:/nowhere/entrada.redb"),
            ],
        );
        if change == "AZURE_TENANT_ID" {
            seeded.retain(|(name, _)| name != "ENTRADA_TENANT_ID");
        }
        let expected = ["setting", "policy", "agents", "key-ring", "storage"];
        let (code, ids) = diagnose(&seeded).await;
        assert_eq!(
            (code, ids),
            (1, expected.map(str::to_owned).to_vec()),
            "{change}"
        );
    }
    // What follows from a setting at fault is not looked at.
    let seeded = changed(
        &rig,
        &[
            ("ENTRADA_LOG", "entrada=loud=er"),
            ("ENTRADA_STORAGE", "https://[::1"),
            ("ENTRADA_CLIENT_SECRET", "another"),
        ],
    );
    let expected = ["setting", "setting", "credential"].map(str::to_owned);
    assert_eq!(diagnose(&seeded).await, (1, expected.to_vec()));
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_named() {
    let rig = Rig::start().await;
    fails(&rig, "/.well-known/openid-configuration", 200, json!({})).await;
    finding(&changed(&rig, &[]), "entra-configuration").await;
}

#[tokio::test]
async fn a_variable_that_means_nothing_any_more_is_a_warning() {
    let rig = Rig::start().await;
    let seeded = changed(&rig, &[("REDIS_URL", "redis://localhost")]);
    let expected = vec!["setting-without-meaning".to_owned()];
    assert_eq!(diagnose(&seeded).await, (0, expected));
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_named() {
    let rig = Rig::start().await;
    let url = format!("{}stand-in/faults", rig.stand_ins.url());
    let fault = json!({"route": "/keys", "status": 503, "times": 10});
    let set = rig.http.post(url).json(&fault).send().await.unwrap();
    assert!(set.status().is_success(), "{}", set.text().await.unwrap());
    let expected = vec!["signing-keys".to_owned()];
    assert_eq!(diagnose(&changed(&rig, &[])).await, (1, expected));
}

/// The one finding of the settings, which has this id.
async fn finding(environment: &Environment, id: &str) -> Value {
    let run = entrada(environment, &["doctor", "--json"], "").await;
    assert_eq!(
        (run.code, found(&run)),
        (1, vec![id.to_owned()]),
        "{}",
        run.output
    );
    let report = run.json();
    let lines = report["areas"][0][1].as_array().unwrap();
    let found = lines.iter().find(|line| line["result"] == "found");
    found.unwrap().clone()
}

async fn fails(rig: &Rig, route: &str, status: u16, body: Value) {
    let fault = json!({"route": route, "status": status, "times": 100, "body": body});
    control(&rig.stand_ins, "faults", fault).await;
}

#[tokio::test]
async fn a_switch_that_turns_protection_off_is_taken_away_and_not_set() {
    let rig = Rig::start().await;
    let found = finding(&changed(&rig, &[("AUTH_ENABLED", "false")]), "setting").await;
    let fix = found["fix"].to_string();
    assert!(
        fix.contains("appsettings delete") && fix.contains("--setting-names AUTH_ENABLED"),
        "{fix}"
    );
    assert!(!fix.contains("AUTH_ENABLED="), "{fix}");
}

#[tokio::test]
async fn a_ring_among_the_settings_that_is_none_has_nothing_to_do_with_a_vault() {
    let rig = Rig::start().await;
    let found = finding(&changed(&rig, &[("ENTRADA_KEY_RING", "{}")]), "key-ring").await;
    assert!(
        found["why"].as_str().unwrap().contains("ends at its start"),
        "{found}"
    );
    assert!(!found["fix"].to_string().contains("az "), "{found}");
}

#[tokio::test]
async fn a_certificate_that_is_not_there_is_no_fault_of_the_ring() {
    let rig = Rig::start().await;
    let seeded = changed(
        &rig,
        &[
            ("ENTRADA_CLIENT_SECRET", ""),
            ("ENTRADA_CLIENT_CERTIFICATE", "/nowhere/entrada.pem"),
        ],
    );
    let found = finding(&seeded, "credential").await;
    assert!(
        found["what"]
            .as_str()
            .unwrap()
            .contains("/nowhere/entrada.pem"),
        "{found}"
    );
    assert!(
        found["fix"]
            .to_string()
            .contains("ENTRADA_CLIENT_CERTIFICATE="),
        "{found}"
    );
}

#[tokio::test]
async fn what_entra_cannot_say_just_now_is_not_said_of_the_credential_or_the_tenant() {
    let rig = Rig::start().await;
    fails(&rig, "/oauth2/v2.0/token", 429, json!({"error": "busy"})).await;
    let found = finding(&changed(&rig, &[]), "credential").await;
    assert!(
        found["what"]
            .as_str()
            .unwrap()
            .contains("could not be tried"),
        "{found}"
    );
    control(&rig.stand_ins, "reset", json!({})).await;
    // An application that wants an assignment of whoever gets a token for it
    // refuses so after it has taken the credential.
    let assigned = json!({
        "error": "invalid_grant", "error_codes": [501_051],
        "error_description": "AADSTS501051: Application is not assigned to a role.",
    });
    fails(&rig, "/oauth2/v2.0/token", 400, assigned).await;
    assert_eq!(diagnose(&changed(&rig, &[])).await, (0, Vec::new()));
    control(&rig.stand_ins, "reset", json!({})).await;
    for status in [403, 429] {
        fails(&rig, "/.well-known/openid-configuration", status, json!({})).await;
        finding(&changed(&rig, &[]), "entra").await;
        control(&rig.stand_ins, "reset", json!({})).await;
    }
}

/// The assertion names the endpoint that it is sent to, which is the tenant's
/// whoever else may come in.
#[tokio::test]
async fn a_certificate_is_tried_at_the_tenants_own_endpoint() {
    let rig = Rig::start().await;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::default()
        .self_signed(&key)
        .unwrap()
        .pem();
    let file = rig.file("client.pem");
    std::fs::write(&file, format!("{}{certificate}", key.serialize_pem())).unwrap();
    control(
        &rig.stand_ins,
        "certificates",
        json!({"certificate_pem": certificate}),
    )
    .await;
    let seeded = changed(
        &rig,
        &[
            ("ENTRADA_CLIENT_SECRET", ""),
            ("ENTRADA_CLIENT_CERTIFICATE", &file.display().to_string()),
            ("ENTRADA_TENANTS", "organizations"),
        ],
    );
    assert_eq!(diagnose(&seeded).await, (0, Vec::new()));
}

/// A vault refuses for different reasons, and each is mended elsewhere.
#[tokio::test]
async fn a_vault_that_refuses_is_mended_by_what_it_says() {
    let rig = Rig::unready(async |stand_ins| {
        let mut settings = secretless(stand_ins);
        // The credential is not what is looked at here.
        let secret = entrada_stand_ins::directory::CLIENT_SECRET;
        settings.retain(|(name, _)| name != "ENTRADA_CLIENT_SECRET");
        settings.push(("ENTRADA_CLIENT_SECRET".to_owned(), secret.to_owned()));
        settings
    })
    .await;
    let no_agents = [("ENTRADA_FOUNDRY_ENDPOINT", ""), ("ENTRADA_AGENTS", "")];
    let environment = changed(&rig, &no_agents);
    for (code, piece) in [
        ("ForbiddenByRbac", "role assignment create"),
        ("ForbiddenByFirewall", "publicNetworkAccess"),
        ("ForbiddenByConnection", "publicNetworkAccess"),
        ("SecretDisabled", "--enabled true"),
    ] {
        let body = json!({"error": {"code": "Forbidden", "innererror": {"code": code}}});
        fails(&rig, "/secrets/entrada-key-ring", 403, body).await;
        let fix = finding(&environment, "key-ring").await["fix"].to_string();
        assert!(fix.contains(piece), "{code}: {fix}");
        assert_eq!(
            fix.contains("role assignment"),
            code == "ForbiddenByRbac",
            "{fix}"
        );
        control(&rig.stand_ins, "reset", json!({})).await;
    }
    // The identity may not list what agents there are.
    let warned = vec!["agents-not-listed".to_owned()];
    let with_agents = changed(&rig, &[("ENTRADA_KEY_RING", &ring())]);
    assert_eq!(diagnose(&with_agents).await, (0, warned));
}

/// A key ring for the settings.
fn ring() -> String {
    let (clock, random) = (SystemClock::new(), SystemRandom);
    let ring = entrada::identity::KeyRing::generate(&clock, &random).unwrap();
    secrecy::ExposeSecret::expose_secret(&ring).to_owned()
}

/// By a vault of another tenant than the one that who runs it is signed in to.
#[tokio::test]
async fn a_vault_that_does_not_take_the_token_is_no_role_that_is_missing() {
    let rig = Rig::unready(async |stand_ins| {
        let mut settings = secretless(stand_ins);
        let secret = entrada_stand_ins::directory::CLIENT_SECRET;
        settings.retain(|(name, _)| name != "ENTRADA_CLIENT_SECRET");
        settings.push(("ENTRADA_CLIENT_SECRET".to_owned(), secret.to_owned()));
        settings
    })
    .await;
    let no_agents = [("ENTRADA_FOUNDRY_ENDPOINT", ""), ("ENTRADA_AGENTS", "")];
    let environment = changed(&rig, &no_agents);
    let message = "AKV10032: Invalid issuer. Expected one of https://sts.windows.net/a/, found \
                   https://sts.windows.net/b/.";
    let body = json!({"error": {"code": "Unauthorized", "message": message}});
    fails(&rig, "/secrets/entrada-key-ring", 401, body).await;
    let found = finding(&environment, "key-ring").await;
    let fix = found["fix"].to_string();
    assert!(fix.contains("az login --tenant"), "{found}");
    assert!(!fix.contains("role assignment"), "{found}");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_named() {
    use entrada_ambient::Clock as _;
    let rig = Rig::start().await;
    let later = SystemClock::new().now() + time::Duration::minutes(5);
    let clock = Arc::new(ManualClock::at(later));
    let options = StandInOptions::new(clock, Arc::new(SystemRandom));
    let ahead = entrada_stand_ins::start(options).await.unwrap();
    let certificate = rig.certificate().with_file_name("ahead.pem");
    std::fs::write(&certificate, ahead.ca_pem()).unwrap();
    let seeded = changed(
        &rig,
        &[
            ("SSL_CERT_FILE", &certificate.display().to_string()),
            ("ENTRADA_AUTHORITY", ahead.https_url().as_str()),
        ],
    );
    assert_eq!(diagnose(&seeded).await, (1, vec!["clock".to_owned()]));
}
