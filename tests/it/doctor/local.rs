//! `entrada doctor`: each fault of the settings and of what they lead to,
//! seeded by itself.

use std::sync::Arc;

use entrada_ambient::{ManualClock, SystemClock, SystemRandom};
use entrada_stand_ins::StandInOptions;
use serde_json::json;

use super::program::{entrada, found};
use crate::rig::Rig;

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
