//! `entrada doctor --entra`: each fault of the app registration, seeded by
//! itself.

use entrada_ambient::{Clock as _, SystemClock};
use entrada_stand_ins::TokenRequest;
use entrada_stand_ins::directory::MANAGED_IDENTITY_OBJECT_ID;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use super::front::Front;
use super::program::{Run, entrada, found, while_well};
use crate::rig::{Rig, by_address};

fn graph_token(rig: &Rig, scope: &str) -> String {
    rig.mint(&TokenRequest {
        resource: Some("https://graph.microsoft.com".to_owned()),
        ..TokenRequest::for_persona("admin").with("scp", scope)
    })
}

async fn doctor(rig: &Rig, more: &[&str], token: &str) -> Run {
    doctor_with(rig, &[], more, token).await
}

/// With further settings.
async fn doctor_with(rig: &Rig, settings: &[(&str, &str)], more: &[&str], token: &str) -> Run {
    let mut environment = rig.handler.environment().to_vec();
    for (name, value) in settings {
        environment.push(((*name).to_owned(), (*value).to_owned()));
    }
    let mut arguments = vec!["doctor", "--entra", "--graph-token", "-", "--json"];
    arguments.extend(more);
    entrada(&environment, &arguments, token).await
}

/// The lines to copy of the one finding, which has this id and grade.
fn copied(run: &Run, id: &str, grade: &str) -> String {
    let report = run.json();
    let lines = report["areas"][0][1].as_array().unwrap();
    let findings: Vec<_> = lines
        .iter()
        .filter(|line| line["result"] == "found")
        .collect();
    assert_eq!(findings.len(), 1, "{report}");
    let named = (&findings[0]["id"], &findings[0]["grade"]);
    assert_eq!(named, (&json!(id), &json!(grade)), "{report}");
    let copy = findings[0]["fix"]["copy"].as_array().unwrap();
    let copy: Vec<_> = copy.iter().map(|line| line.as_str().unwrap()).collect();
    copy.join("\n")
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

/// The role of whoever was assigned without one (Microsoft Learn,
/// "appRoleAssignment resource type").
const DEFAULT_ACCESS: &str = "00000000-0000-0000-0000-000000000000";

fn assigned(role: &str) -> Value {
    json!({"appRoleId": role, "principalType": "User"})
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
    let mut scopes = sound["application"]["api"]["oauth2PermissionScopes"].clone();
    scopes[0]["type"] = json!("User");
    let soon = SystemClock::new().now() + time::Duration::days(10);
    let soon = soon.format(&Rfc3339).unwrap();
    vec![
        (
            json!({"oauth2PermissionGrants": [grants[0]]}),
            "consent-graph",
            0,
        ),
        (json!({"appRoleAssignedTo": []}), "no-assignments", 0),
        (
            json!({"appRoleAssignedTo": [assigned(DEFAULT_ACCESS)]}),
            "no-assignments",
            0,
        ),
        (
            application(&json!({"api": {"oauth2PermissionScopes": scopes}})),
            "scope-consent",
            0,
        ),
        (
            application(&json!({"passwordCredentials": [{"endDateTime": soon}]})),
            "credential-ends",
            0,
        ),
        (
            application(&json!({"optionalClaims": null})),
            "optional-claim",
            0,
        ),
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
    let asked = async || entrada(&environment, &arguments, &token).await;
    let run = while_well(&rig, asked).await;
    assert_eq!(found(&run), ["limits-off"], "{}{}", run.output, run.errors);
}

/// What was looked at and is neither good nor found.
fn skipped(run: &Run) -> Vec<String> {
    let report = run.json();
    let lines = report["areas"][0][1].as_array().unwrap();
    lines
        .iter()
        .filter(|line| line["result"] == "skipped")
        .map(|line| line["what"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn long_lists_are_read_to_their_end_or_not_judged() {
    let rig = Rig::start().await;
    let token = graph_token(&rig, "Application.Read.All User.Read");
    let sound = register(&rig, &json!({})).await;
    let role = sound["application"]["appRoles"][0]["id"].as_str().unwrap();
    // Before the administrator's consents come those of people.
    let principal = &sound["oauth2PermissionGrants"][0]["clientId"];
    let own = json!({
        "clientId": principal, "consentType": "Principal", "resourceId": principal,
        "scope": "access_as_user",
    });
    let mut grants = vec![own; 1_100];
    grants.extend(sound["oauth2PermissionGrants"].as_array().unwrap().clone());
    for (others, is_judged) in [(250, true), (1_100, false)] {
        let mut assignments = vec![assigned(DEFAULT_ACCESS); others];
        assignments.push(assigned(role));
        let long = json!({"oauth2PermissionGrants": grants, "appRoleAssignedTo": assignments});
        register(&rig, &long).await;
        let run = doctor(&rig, &[], &token).await;
        assert_eq!((run.code, found(&run)), (0, Vec::new()), "{}", run.output);
        let skipped = skipped(&run);
        assert_eq!(skipped.is_empty(), is_judged, "{skipped:?}");
        assert!(
            skipped.iter().all(|what| what.contains("app role")),
            "{skipped:?}"
        );
    }
}

#[tokio::test]
async fn a_setting_that_the_registration_does_not_follow_from_stops_nothing() {
    let rig = Rig::start().await;
    let token = graph_token(&rig, "Application.Read.All User.Read");
    for (name, value, unknown) in [
        ("ENTRADA_LOG", "entrada=loud=er", None),
        (
            "ENTRADA_BASE_URL",
            "http://a.example",
            Some("redirect URIs"),
        ),
        ("ENTRADA_TENANTS", "contoso", Some("whose accounts")),
    ] {
        let run = doctor_with(&rig, &[(name, value)], &[], &token).await;
        assert_eq!((run.code, found(&run)), (0, Vec::new()), "{}", run.output);
        let skipped = skipped(&run);
        assert_eq!(skipped.len(), unknown.into_iter().count(), "{skipped:?}");
        assert!(
            unknown.is_none_or(|unknown| skipped[0].contains(unknown)),
            "{skipped:?}"
        );
    }
}

#[tokio::test]
async fn the_redirect_uri_that_has_to_be_registered_is_the_servers_own() {
    let mut front = Front::bind().await;
    let moved = format!("{}/auth/moved", front.url);
    let rig = Rig::with(&[
        ("ENTRADA_BASE_URL", &front.url),
        ("ENTRADA_CALLBACK_URL", &moved),
        ("ENTRADA_REQUESTS_PER_MINUTE", "10000"),
        by_address(),
    ])
    .await;
    front.serve(rig.handler.url(""), rig.http.clone());
    let token = graph_token(&rig, "Application.Read.All User.Read");
    let by_url = ["--url", front.url.as_str()];
    let asked = async || doctor(&rig, &by_url, &token).await;
    let run = while_well(&rig, asked).await;
    assert_eq!(found(&run), ["redirect-uri"], "{}", run.output);
    assert!(run.output.contains("/auth/moved"), "{}", run.output);
    let registered = json!({"web": {"redirectUris": [moved]}});
    register(&rig, &application(&registered)).await;
    let run = while_well(&rig, asked).await;
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

/// What is pasted writes lists whole: what is there has to be in it.
#[tokio::test]
async fn what_mends_a_part_of_the_registration_keeps_the_rest_of_it() {
    let rig = Rig::start().await;
    let token = graph_token(&rig, "Application.Read.All User.Read");
    let sound = register(&rig, &json!({})).await;
    let mut roles = sound["application"]["appRoles"].clone();
    roles[3]["value"] = json!("Task.all");
    let own = sound["application"]["identifierUris"][0].as_str().unwrap();
    let email = json!({"accessToken": [{"name": "email"}], "idToken": [{"name": "ctry"}]});
    for (change, id, grade, pieces) in [
        (
            json!({"appRoles": roles, "web": {"redirectUris": [
                "https://entrada.contoso.com/auth/callback",
                "http://localhost:7071/auth/callback",
            ]}}),
            "app-role",
            "fault",
            vec![
                "azd provision --no-state",
                "uniqueName=entrada-local ",
                "assignDeployerRoles='[]' ",
                r#"hostNames='["entrada.contoso.com"]' identityPrincipalId="#,
                "tenants=home ",
            ],
        ),
        (
            json!({"identifierUris": ["api://another"]}),
            "identifier-uri",
            "fault",
            vec!["--identifier-uris api://another", own],
        ),
        (
            json!({"optionalClaims": email}),
            "optional-claim",
            "warning",
            vec![r#"[{"name":"email"},{"name":"idtyp"}],"idToken":[{"name":"ctry"}]"#],
        ),
    ] {
        register(&rig, &application(&change)).await;
        let copied = copied(&doctor(&rig, &[], &token).await, id, grade);
        for piece in pieces {
            assert!(copied.contains(piece), "{piece}: {copied}");
        }
        register(&rig, &sound).await;
    }
}

#[tokio::test]
async fn a_kind_of_token_that_nothing_tells_is_a_fault_where_applications_come_in() {
    let rig = Rig::start().await;
    let token = graph_token(&rig, "Application.Read.All User.Read");
    register(&rig, &application(&json!({"optionalClaims": null}))).await;
    let accepts = [("ENTRADA_ACCEPT_APP_TOKENS", "true")];
    let run = doctor_with(&rig, &accepts, &[], &token).await;
    copied(&run, "optional-claim", "fault");
}

#[tokio::test]
async fn the_sign_in_audience_is_compared_with_what_sign_ins_take() {
    const PERSONAL: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
    let rig = Rig::start().await;
    let token = graph_token(&rig, "Application.Read.All User.Read");
    let listed = format!("00000000-0000-4000-8000-000000000000,{PERSONAL}");
    for (tenants, registered, grade) in [
        ("organizations", "AzureADMyOrg", Some("fault")),
        (
            "organizations",
            "AzureADandPersonalMicrosoftAccount",
            Some("warning"),
        ),
        ("home", "PersonalMicrosoftAccount", Some("fault")),
        ("common", "AzureADMultipleOrgs", Some("fault")),
        (PERSONAL, "AzureADMultipleOrgs", Some("fault")),
        (&listed, "AzureADandPersonalMicrosoftAccount", None),
    ] {
        register(&rig, &application(&json!({"signInAudience": registered}))).await;
        let settings = [("ENTRADA_TENANTS", tenants)];
        let run = doctor_with(&rig, &settings, &[], &token).await;
        match grade {
            Some(grade) => drop(copied(&run, "sign-in-audience", grade)),
            None => assert_eq!(found(&run), Vec::<String>::new(), "{}", run.output),
        }
    }
}

#[tokio::test]
async fn federated_credentials_of_others_are_no_fault_of_this_one() {
    let rig = Rig::start().await;
    let token = graph_token(&rig, "Application.Read.All User.Read");
    let identity = MANAGED_IDENTITY_OBJECT_ID.to_string();
    let with_identity = ["--identity", identity.as_str()];
    let sound = register(&rig, &json!({})).await;
    // Without the identity's id nobody can say whose it is.
    let run = doctor(&rig, &[], &token).await;
    assert!(
        run.output
            .contains(&format!("it trusts an identity (subject {identity})")),
        "{}",
        run.output
    );
    // What is there is changed, since its name and its subject are taken.
    let mut trust = sound["federatedIdentityCredentials"].clone();
    trust[0]["audiences"] = json!(["api://another"]);
    register(&rig, &json!({"federatedIdentityCredentials": trust})).await;
    let run = doctor(&rig, &with_identity, &token).await;
    let mended = copied(&run, "federated-credential", "fault");
    assert!(
        mended.contains(" update ")
            && mended.contains("--federated-credential-id managed-identity"),
        "{mended}"
    );
    // A pipeline's stays what it is, and a deployment by secret needs no other.
    let pipeline = json!([{
        "name": "github", "issuer": "https://token.actions.githubusercontent.com",
        "subject": "repo:contoso/entrada:ref:refs/heads/main",
        "audiences": ["api://AzureADTokenExchange"],
    }]);
    let secret = json!([{"endDateTime": "2999-01-01T00:00:00Z"}]);
    register(
        &rig,
        &json!({
            "federatedIdentityCredentials": pipeline,
            "application": {"passwordCredentials": secret},
        }),
    )
    .await;
    let run = doctor(&rig, &[], &token).await;
    assert_eq!((run.code, found(&run)), (0, Vec::new()), "{}", run.output);
    let run = doctor(&rig, &with_identity, &token).await;
    let mended = copied(&run, "federated-credential", "fault");
    assert!(
        mended.contains(" create ") && !mended.contains("github"),
        "{mended}"
    );
}

#[tokio::test]
async fn what_was_found_elsewhere_stands_when_the_registration_cannot_be_looked_at() {
    let rig = Rig::start().await;
    let gone = ["doctor", "--url", "http://localhost:9", "--entra", "--json"];
    let run = entrada(rig.handler.environment(), &gone, "").await;
    assert_eq!(found(&run), ["unreachable", "application-not-known"]);
    let mut environment = rig.handler.environment().to_vec();
    environment.retain(|(name, _)| name != "ENTRADA_CLIENT_ID");
    let arguments = ["doctor", "--local", "--entra", "--json"];
    let run = entrada(&environment, &arguments, "").await;
    assert_eq!(found(&run), ["setting", "application-not-known"]);
    let run = doctor(&rig, &["--local"], "").await;
    assert_eq!((run.code, found(&run)), (1, vec!["graph".to_owned()]));
    assert_eq!(run.json()["areas"][0][0], "local");
}

#[tokio::test]
async fn a_callback_of_this_environments_is_not_the_servers() {
    let rig = Rig::with(&[by_address(), ("ENTRADA_REQUESTS_PER_MINUTE", "10000")]).await;
    let token = graph_token(&rig, "Application.Read.All User.Read");
    let elsewhere = [("ENTRADA_CALLBACK_URL", "https://a.example/auth/callback")];
    let by_url = ["--url", rig.handler.base.as_str()];
    let asked = async || doctor_with(&rig, &elsewhere, &by_url, &token).await;
    let run = while_well(&rig, asked).await;
    assert_eq!((run.code, found(&run)), (0, Vec::new()), "{}", run.output);
}
