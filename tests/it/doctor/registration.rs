//! `entrada doctor --entra`: each fault of the app registration, seeded by
//! itself.

use entrada_stand_ins::TokenRequest;
use entrada_stand_ins::directory::MANAGED_IDENTITY_OBJECT_ID;
use serde_json::{Value, json};

use super::front::Front;
use super::program::{Run, entrada, found};
use crate::rig::Rig;

fn graph_token(rig: &Rig, scope: &str) -> String {
    rig.mint(&TokenRequest {
        resource: Some("https://graph.microsoft.com".to_owned()),
        ..TokenRequest::for_persona("admin").with("scp", scope)
    })
}

async fn doctor(rig: &Rig, more: &[&str], token: &str) -> Run {
    let mut arguments = vec!["doctor", "--entra", "--graph-token", "-", "--json"];
    arguments.extend(more);
    entrada(rig.handler.environment(), &arguments, token).await
}

/// Changes the registration and gives the whole of it.
async fn register(rig: &Rig, patch: &Value) -> Value {
    let url = format!("{}stand-in/registration", rig.stand_ins.url());
    let answer = rig.http.post(url).json(patch).send().await.unwrap();
    answer.json().await.unwrap()
}

fn application(change: &Value) -> Value {
    json!({ "application": change })
}

/// Faults: exit 1.
fn faults(sound: &Value) -> Vec<(Value, &'static str, i32)> {
    let mut roles = sound["application"]["appRoles"].clone();
    roles[3]["value"] = json!("Task.all");
    let mut scopes = sound["application"]["api"]["oauth2PermissionScopes"].clone();
    scopes[0]["isEnabled"] = json!(false);
    let mut trust = sound["federatedIdentityCredentials"].clone();
    trust[0]["audiences"] = json!(["api://another"]);
    let grants = &sound["oauth2PermissionGrants"];
    let callback = "http://localhost:7071/auth/callback";
    vec![
        (json!({"application": null}), "application", 1),
        (
            application(&json!({"identifierUris": []})),
            "identifier-uri",
            1,
        ),
        (
            application(&json!({"api": {"oauth2PermissionScopes": scopes}})),
            "scope",
            1,
        ),
        (application(&json!({"appRoles": roles})), "app-role", 1),
        (
            application(&json!({"optionalClaims": null})),
            "optional-claim",
            1,
        ),
        (
            application(&json!({"web": {"redirectUris": ["https://old.example/auth/callback"]}})),
            "redirect-uri",
            1,
        ),
        (
            application(&json!({"web": {"redirectUris": []}, "spa": {"redirectUris": [callback]}})),
            "redirect-uri",
            1,
        ),
        (
            json!({"federatedIdentityCredentials": trust}),
            "federated-credential",
            1,
        ),
        (
            json!({"federatedIdentityCredentials": []}),
            "federated-credential",
            1,
        ),
        (json!({"servicePrincipal": null}), "service-principal", 1),
        (
            json!({"servicePrincipal": {"accountEnabled": false}}),
            "service-principal",
            1,
        ),
        (json!({"oauth2PermissionGrants": [grants[1]]}), "consent", 1),
    ]
}

/// Warnings: exit 0.
fn warnings(sound: &Value) -> Vec<(Value, &'static str, i32)> {
    let grants = &sound["oauth2PermissionGrants"];
    vec![
        (
            json!({"oauth2PermissionGrants": [grants[0]]}),
            "consent-graph",
            0,
        ),
        (json!({"appRoleAssignedTo": []}), "no-assignments", 0),
        (
            application(&json!({"signInAudience": "AzureADMultipleOrgs"})),
            "sign-in-audience",
            0,
        ),
        (
            application(&json!({"api": {"requestedAccessTokenVersion": null}})),
            "token-version",
            0,
        ),
        (
            application(&json!({"api": {"preAuthorizedApplications": []}})),
            "pre-authorized-clients",
            0,
        ),
        (
            application(
                &json!({"web": {"implicitGrantSettings": {"enableAccessTokenIssuance": true}}}),
            ),
            "implicit-grant",
            0,
        ),
    ]
}

#[tokio::test]
async fn each_fault_of_the_registration_is_named_and_a_sound_one_has_none() {
    let rig = Rig::start().await;
    let token = graph_token(&rig, "Application.Read.All User.Read");
    let identity = MANAGED_IDENTITY_OBJECT_ID.to_string();
    let with_identity = ["--identity", identity.as_str()];
    let run = doctor(&rig, &with_identity, &token).await;
    assert_eq!((run.code, found(&run)), (0, Vec::new()), "{}", run.output);
    let sound = register(&rig, &json!({})).await;
    for (seed, id, code) in faults(&sound).into_iter().chain(warnings(&sound)) {
        register(&rig, &seed).await;
        let run = doctor(&rig, &[], &token).await;
        let named = (run.code, found(&run));
        assert_eq!(named, (code, vec![id.to_owned()]), "{seed}");
        register(&rig, &sound).await;
        register(&rig, &json!({"application": {"spa": {"redirectUris": []}}})).await;
    }
    // Another identity than the one that is trusted.
    let another = ["--identity", "00000000-0000-4000-8000-000000000000"];
    let run = doctor(&rig, &another, &token).await;
    assert_eq!(found(&run), ["federated-credential"]);
    // By the server alone, with none of its settings at hand.
    let environment: Vec<_> = rig
        .handler
        .environment()
        .iter()
        .filter(|(name, _)| matches!(name.as_str(), "SSL_CERT_FILE" | "ENTRADA_GRAPH_URL"))
        .cloned()
        .collect();
    let arguments = [
        "doctor",
        "--url",
        &rig.handler.base,
        "--entra",
        "--graph-token",
        "-",
        "--json",
    ];
    let run = entrada(&environment, &arguments, &token).await;
    assert_eq!(found(&run), ["limits-off"], "{}{}", run.output, run.errors);
}

#[tokio::test]
async fn the_redirect_uri_that_has_to_be_registered_is_the_servers_own() {
    let mut front = Front::bind().await;
    let moved = format!("{}/auth/moved", front.url);
    let rig = Rig::with(&[
        ("ENTRADA_BASE_URL", &front.url),
        ("ENTRADA_CALLBACK_URL", &moved),
        ("ENTRADA_REQUESTS_PER_MINUTE", "10000"),
    ])
    .await;
    front.serve(rig.handler.url(""), rig.http.clone());
    let token = graph_token(&rig, "Application.Read.All User.Read");
    let by_url = ["--url", front.url.as_str()];
    let run = doctor(&rig, &by_url, &token).await;
    assert_eq!(found(&run), ["redirect-uri"], "{}", run.output);
    assert!(run.output.contains("/auth/moved"), "{}", run.output);
    let registered = json!({"web": {"redirectUris": [moved]}});
    register(&rig, &application(&registered)).await;
    let run = doctor(&rig, &by_url, &token).await;
    assert_eq!(found(&run), Vec::<String>::new(), "{}", run.output);
}

#[tokio::test]
async fn a_token_that_may_not_read_it_is_named_and_never_printed() {
    let rig = Rig::start().await;
    for token in [
        graph_token(&rig, "User.Read"),
        rig.token("reader"),
        "no token".to_owned(),
    ] {
        let run = doctor(&rig, &[], &token).await;
        assert_eq!((run.code, found(&run)), (1, vec!["graph".to_owned()]));
        assert!(!run.output.contains(&token) && !run.errors.contains(&token));
    }
}
