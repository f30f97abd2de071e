//! A set-up that is broken in fifteen places: all of them are named at once,
//! and each with what mends it.

use std::collections::BTreeMap;

use entrada_stand_ins::TokenRequest;
use serde_json::{Value, json};

use super::front::{Damage, Front};
use super::program::{Run, entrada, found, while_well};
use crate::rig::{Rig, by_address};

/// Each fault, and a piece of what is to be done about it.
const FAULTS: [(&str, &str); 15] = [
    // The settings.
    ("policy", "docs/policy.schema.json"),
    ("agents", "docs/agents.schema.json"),
    ("key-ring", "entrada keys init"),
    ("storage", "mkdir -p"),
    ("credential", "az ad app credential"),
    ("cors-origin", "ENTRADA_CORS_ORIGINS="),
    // The server, and what stands in front of it.
    ("challenge", "WWW-Authenticate"),
    ("cookie", "pass Set-Cookie on"),
    ("content-security-policy", "curl"),
    ("published-keys", "it never replaces one"),
    // The registration.
    ("identifier-uri", "--identifier-uris"),
    ("app-role", "infra/entra.bicep"),
    ("redirect-uri", "--web-redirect-uris"),
    ("optional-claim", "--optional-claims"),
    ("consent", "admin-consent"),
];

/// Breaks the settings in six places.
fn settings(rig: &Rig) -> Vec<(String, String)> {
    let nobodys = rig.certificate().display().to_string();
    let mut environment = rig.handler.environment().to_vec();
    for (name, value) in [
        ("ENTRADA_POLICY", nobodys.as_str()),
        ("ENTRADA_AGENTS", &nobodys),
        ("ENTRADA_KEY_RING", "{}"),
        ("ENTRADA_STORAGE", "file:/nowhere/entrada.redb"),
        ("ENTRADA_CLIENT_SECRET", "another"),
        ("ENTRADA_CORS_ORIGINS", "https://a.example/app"),
        ("ENTRADA_ACCEPT_APP_TOKENS", "true"),
    ] {
        environment.retain(|(known, _)| known != name);
        environment.push((name.to_owned(), value.to_owned()));
    }
    environment
}

/// Breaks what passes in four places.
const DAMAGES: [Damage; 4] = [
    Damage::Drop("/mcp", "www-authenticate"),
    Damage::Drop("/auth/login", "set-cookie"),
    Damage::Drop("/", "content-security-policy"),
    Damage::Replace("/.well-known/jwks.json", "\"keys\"", "\"none\""),
];

/// Breaks the registration in five places.
async fn registration(rig: &Rig) {
    let register = async |patch: &Value| -> Value {
        let url = format!("{}stand-in/registration", rig.stand_ins.url());
        let answer = rig.http.post(url).json(patch).send().await.unwrap();
        answer.json().await.unwrap()
    };
    let sound = register(&json!({})).await;
    let mut roles = sound["application"]["appRoles"].clone();
    roles[3]["value"] = json!("Task.all");
    let graph_alone = [sound["oauth2PermissionGrants"][1].clone()];
    register(&json!({
        "application": {
            "identifierUris": [], "appRoles": roles, "optionalClaims": null,
            "web": {"redirectUris": ["https://old.example/auth/callback"]},
        },
        "oauth2PermissionGrants": graph_alone,
    }))
    .await;
}

/// The fixes by finding.
fn fixes(run: &Run) -> BTreeMap<String, String> {
    let report = run.json();
    let areas = report["areas"].as_array().unwrap();
    let lines = areas.iter().flat_map(|area| area[1].as_array().unwrap());
    lines
        .filter(|line| line["result"] == "found")
        .map(|line| {
            (
                line["id"].as_str().unwrap().to_owned(),
                line["fix"].to_string(),
            )
        })
        .collect()
}

#[tokio::test]
async fn fifteen_faults_are_all_named_at_once_and_each_with_its_fix() {
    let mut front = Front::bind().await;
    let limited = ("ENTRADA_REQUESTS_PER_MINUTE", "10000");
    let rig = Rig::with(&[by_address(), limited, ("ENTRADA_BASE_URL", &front.url)]).await;
    front.serve(rig.handler.url(""), rig.http.clone());
    front.spoil(&DAMAGES);
    registration(&rig).await;
    let token = rig.mint(&TokenRequest {
        resource: Some("https://graph.microsoft.com".to_owned()),
        ..TokenRequest::for_persona("admin").with("scp", "Application.Read.All User.Read")
    });
    let arguments = [
        "doctor",
        "--local",
        "--url",
        &front.url,
        "--entra",
        "--graph-token",
        "-",
        "--json",
    ];
    let settings = settings(&rig);
    let run = while_well(&rig, async || entrada(&settings, &arguments, &token).await).await;
    let mut named = found(&run);
    named.sort_unstable();
    let mut seeded: Vec<_> = FAULTS.iter().map(|(id, _)| *id).collect();
    seeded.sort_unstable();
    assert_eq!(named, seeded, "{}{}", run.output, run.errors);
    assert_eq!((run.code, &run.json()["faults"]), (1, &json!(15)));
    let fixes = fixes(&run);
    for (id, piece) in FAULTS {
        assert!(fixes[id].contains(piece), "{id}: {}", fixes[id]);
    }
}
