//! `entrada keys`: in a vault, over its life.

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{Officer, command, control, keys, secretless};
use crate::rig::Rig;

/// A rig whose managed identity may do everything with the vault's secrets, as
/// whoever deploys may.
async fn rig() -> Rig {
    Rig::unready(async |stand_ins| {
        let role = json!({"role": "secrets_officer"});
        control(stand_ins, "vault-access", role).await;
        secretless(stand_ins)
    })
    .await
}

#[tokio::test]
async fn init_makes_a_ring_once_and_never_again() {
    let rig = rig().await;
    let (done, text) = keys(&rig, &["init"]).await;
    assert!(done && text.contains("has a key ring now"), "{text}");
    for word in ["sig", "enc", "mac", "current"] {
        assert!(text.contains(word), "{text}");
    }
    let officer = Officer::of(&rig.stand_ins);
    let made = officer.ring().await;
    assert_eq!(
        (&made["version"], made["keys"].as_array().unwrap().len()),
        (&json!(1), 3)
    );
    let (done, text) = keys(&rig, &["init", "--wait", "15m"]).await;
    assert!(done && text.contains("left alone"), "{text}");
    assert_eq!(officer.ring().await, made);
    // What it prints is for people, and holds no key.
    for key in made["keys"].as_array().unwrap() {
        for member in ["d", "k"] {
            let secret = key["jwk"][member].as_str();
            assert!(secret.is_none_or(|secret| !text.contains(secret)));
        }
    }
    rig.handler.wait().await;
}

#[tokio::test]
async fn init_waits_for_a_role_that_does_not_count_yet() {
    let rig = rig().await;
    let none = json!({"role": "none"});
    control(&rig.stand_ins, "vault-access", none).await;
    let (done, text) = keys(&rig, &["init"]).await;
    assert!(
        !done && text.contains("Key Vault Secrets Officer"),
        "{text}"
    );
    let mut child = command(&rig, &["init", "--wait", "1m"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let tried = lines.next_line().await.unwrap().unwrap();
    assert!(tried.contains("Trying again in 2 s"), "{tried}");
    let role = json!({"role": "secrets_officer"});
    control(&rig.stand_ins, "vault-access", role).await;
    let mut text = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        text += &line;
    }
    assert!(child.wait().await.unwrap().success(), "{text}");
    assert!(text.contains("has a key ring now"), "{text}");
}

#[tokio::test]
async fn init_says_of_a_refusal_what_it_is_about_and_waits_where_that_helps() {
    let rig = rig().await;
    for (code, arguments, piece) in [
        ("ForbiddenByConnection", &["init"][..], "network-rule add"),
        (
            "SecretDisabled",
            &["init", "--wait", "15m"],
            "--enabled true",
        ),
    ] {
        let body = json!({"error": {"code": "Forbidden", "innererror": {"code": code}}});
        let fault = json!({"route": "/secrets/", "status": 403, "times": 100, "body": body});
        control(&rig.stand_ins, "faults", fault).await;
        let (done, text) = keys(&rig, arguments).await;
        assert!(
            !done && text.contains(piece) && text.contains(code),
            "{text}"
        );
        assert!(!text.contains("role assignment"), "{text}");
        control(&rig.stand_ins, "reset", json!({})).await;
    }
}

/// The site has a user-assigned identity alone, which has to be named.
#[tokio::test]
async fn an_identity_that_nobody_names_gets_no_token() {
    let rig = rig().await;
    let mut unnamed = command(&rig, &["list"]);
    unnamed.env_remove("ENTRADA_IDENTITY_CLIENT_ID");
    let output = unnamed.output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{errors}");
    assert!(errors.contains("has not been assigned"), "{errors}");
}

#[tokio::test]
async fn init_says_how_to_get_a_deleted_ring_back() {
    let rig = rig().await;
    let officer = Officer::of(&rig.stand_ins);
    officer.write("entrada-key-ring", rig.key_ring()).await;
    officer.delete("entrada-key-ring").await;
    let (done, text) = keys(&rig, &["init", "--wait", "15m"]).await;
    assert!(
        !done && text.contains("az keyvault secret recover"),
        "{text}"
    );
}

#[tokio::test]
async fn rotation_keeps_its_distance_and_keys_in_use() {
    let rig = rig().await;
    let (done, text) = keys(&rig, &["rotate"]).await;
    assert!(!done && text.contains("entrada keys init"), "{text}");
    keys(&rig, &["init"]).await;
    let officer = Officer::of(&rig.stand_ins);
    let first = officer.ring().await;
    let (done, text) = keys(&rig, &["rotate"]).await;
    assert!(done && text.contains("was published (sig)"), "{text}");
    assert_eq!(officer.ring().await["keys"].as_array().unwrap().len(), 6);
    let (done, text) = keys(&rig, &["rotate"]).await;
    assert!(!done && text.contains("less than 10 minutes ago"), "{text}");
    super::age(&officer, 11).await;
    let (done, text) = keys(&rig, &["rotate"]).await;
    assert!(done && text.contains("is in use (sig)"), "{text}");
    let kid = first["keys"][0]["kid"].as_str().unwrap();
    let (done, text) = keys(&rig, &["rotate", "--drop", kid]).await;
    assert!(!done && text.contains("cannot go yet"), "{text}");
    let (done, text) = keys(&rig, &["list"]).await;
    assert!(
        done && text.contains("retired") && text.contains("needed until"),
        "{text}"
    );
    assert!(text.contains(kid), "{text}");
}

#[tokio::test]
async fn rotation_comes_to_its_end_although_nobody_reads_on() {
    let rig = rig().await;
    keys(&rig, &["init"]).await;
    keys(&rig, &["rotate"]).await;
    let officer = Officer::of(&rig.stand_ins);
    // Still too young, by some seconds.
    super::age(&officer, 10).await;
    super::age_seconds(&officer, -6).await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = command(&rig, &["rotate", "--wait", "15m"]);
    let exit = command.stdout(writer).status().await.unwrap();
    assert!(exit.success(), "{exit}");
    let rotated = officer.ring().await;
    for key_use in ["sig", "enc", "mac"] {
        let keys = rotated["keys"].as_array().unwrap().iter();
        let keys = keys.filter(|key| key["use"] == key_use);
        let states: Vec<_> = keys.map(|key| key["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["retired", "current"], "{key_use}");
    }
}

#[tokio::test]
async fn a_ring_that_nobody_reads_is_a_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = tokio::process::Command::new(env!("CARGO_BIN_EXE_entrada"))
        .env_clear()
        .args(["keys", "init"])
        .stdout(writer)
        .status()
        .await
        .unwrap();
    assert_eq!(status.code(), Some(1));
}

#[tokio::test]
async fn help_teaches_and_a_ring_for_this_machine_is_printed() {
    let run = async |arguments: &[&str]| {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_entrada"))
            .env_clear()
            .args(arguments)
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), text)
    };
    let (done, help) = run(&["keys", "--help"]).await;
    assert!(done);
    for words in [
        "Key Vault Secrets Officer",
        "az login",
        "every five minutes",
    ] {
        assert!(help.contains(words), "{help}");
    }
    let (_, help) = run(&["keys", "rotate", "--help"]).await;
    assert!(
        help.contains("two steps at least ten minutes apart"),
        "{help}"
    );
    let (done, ring) = run(&["keys", "init"]).await;
    let ring: serde_json::Value = serde_json::from_str(&ring).unwrap();
    assert!(done && ring["version"] == 1);
    assert!(!run(&["keys", "list"]).await.0);
}
