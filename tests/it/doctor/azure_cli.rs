//! `entrada doctor --entra` by the Azure CLI: a program of its name that says
//! what it is documented, or seen, to say.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use entrada_stand_ins::TokenRequest;
use entrada_stand_ins::directory::CONTOSO;
use tempfile::TempDir;

use super::program::{Run, entrada, found};
use crate::rig::Rig;

/// Puts an `az` into the folder that runs `body` when it is asked as it should
/// be, and says otherwise that it was not.
fn install(folder: &Path, body: &str) {
    let asked = format!(
        "account get-access-token --resource-type ms-graph --tenant {CONTOSO} --query accessToken --output tsv"
    );
    let script = format!(
        "#!/bin/sh\nif [ \"$*\" != '{asked}' ]; then\n  echo \"ERROR: unrecognized arguments: $*\" >&2\n  exit 2\nfi\n{body}\n"
    );
    let path = folder.join("az");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the doctor with nothing but this folder on its PATH.
async fn doctor(rig: &Rig, folder: &Path, more: &[&str]) -> Run {
    let mut environment = rig.handler.environment().to_vec();
    environment.push(("PATH".to_owned(), folder.display().to_string()));
    let mut arguments = vec!["doctor", "--entra", "--json"];
    arguments.extend(more);
    entrada(&environment, &arguments, "").await
}

/// What is to be done about the one finding.
fn fix(run: &Run) -> String {
    assert_eq!((run.code, found(run)), (1, vec!["azure-cli".to_owned()]));
    let report = run.json();
    let areas = report["areas"].as_array().unwrap();
    assert_eq!(areas.last().unwrap()[0], "registration");
    let lines = areas.last().unwrap()[1].as_array().unwrap();
    lines[0].to_string()
}

#[tokio::test]
async fn the_registration_is_read_by_who_is_signed_in() {
    let rig = Rig::start().await;
    let folder = TempDir::new().unwrap();
    let token = rig.mint(&TokenRequest {
        resource: Some("https://graph.microsoft.com".to_owned()),
        ..TokenRequest::for_persona("admin").with("scp", "Application.Read.All User.Read")
    });
    install(folder.path(), &format!("echo '{token}'"));
    let run = doctor(&rig, folder.path(), &[]).await;
    assert_eq!(
        (run.code, found(&run)),
        (0, Vec::new()),
        "{}{}",
        run.output,
        run.errors
    );
    assert!(!run.output.contains(&token) && !run.errors.contains(&token));
}

#[tokio::test]
async fn without_the_azure_cli_the_next_step_is_named() {
    let rig = Rig::start().await;
    let folder = TempDir::new().unwrap();
    let run = doctor(&rig, folder.path(), &[]).await;
    let fix = fix(&run);
    assert!(
        fix.contains("not installed") && fix.contains("https://aka.ms/azure-cli"),
        "{fix}"
    );
    assert!(
        fix.contains(&format!("az login --tenant {CONTOSO}")),
        "{fix}"
    );
    // What else was asked for is answered all the same.
    let run = doctor(&rig, folder.path(), &["--local"]).await;
    assert_eq!(found(&run), ["azure-cli"]);
    assert_eq!(run.json()["areas"][0][0], "local");
}

#[tokio::test]
async fn nobody_signed_in_is_told_to_sign_in() {
    let rig = Rig::start().await;
    let folder = TempDir::new().unwrap();
    let says = "ERROR: Please run 'az login' to setup account.";
    install(folder.path(), &format!("echo \"{says}\" >&2; exit 1"));
    let run = doctor(&rig, folder.path(), &[]).await;
    let fix = fix(&run);
    assert!(fix.contains("nobody is signed in"), "{fix}");
    assert!(
        fix.contains(&format!("az login --tenant {CONTOSO}")),
        "{fix}"
    );
}

#[tokio::test]
async fn a_sign_in_that_does_not_reach_is_named_by_entras_code_alone() {
    let rig = Rig::start().await;
    let folder = TempDir::new().unwrap();
    let says = "ERROR: AADSTS50076: Due to a configuration change made by your administrator, \
                ana@contoso.example must use multi-factor authentication. Trace ID: 1\n\
                Interactive authentication is needed. Please run:\naz logout\naz login";
    install(folder.path(), &format!("printf '%b' '{says}' >&2; exit 1"));
    let run = doctor(&rig, folder.path(), &[]).await;
    let found = fix(&run);
    assert!(
        found.contains("(AADSTS50076)") && found.contains("entrada explain AADSTS50076"),
        "{found}"
    );
    assert!(
        found.contains("--scope https://graph.microsoft.com/.default"),
        "{found}"
    );
    assert!(!run.output.contains("ana@") && !run.errors.contains("ana@"));
    // It says that it is done, and gives nothing.
    install(folder.path(), "exit 0");
    let run = doctor(&rig, folder.path(), &[]).await;
    assert!(fix(&run).contains("gets no token in the tenant"));
}
