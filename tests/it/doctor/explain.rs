//! `entrada explain` says what the doors say, and keeps the token to itself.

use entrada::identity::{Audience, Door, TokenTerms};
use entrada_ambient::{Clock as _, SystemClock};
use entrada_entra::SubjectKind;
use entrada_stand_ins::{SignatureKind, TokenKind, TokenRequest, TokenVersion};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::front::Front;
use super::program::{Run, entrada};
use crate::functions::{bearer, call};
use crate::rig::{Person, Rig, through_host};
use crate::secrets::control;

const WEBHOOK: &str = "/runtime/webhooks/mcp";

/// A path behind each door, in the order in which they are explained.
const DOORS: [&str; 3] = ["/api/auth/me", "/mcp/tools", WEBHOOK];

fn reader() -> TokenRequest {
    TokenRequest::for_persona("reader")
}

async fn explain(rig: &Rig, token: &str) -> Run {
    entrada(rig.handler.environment(), &["explain", "--json"], token).await
}

fn verdicts(explanation: &Value) -> Vec<Value> {
    let doors = explanation["doors"].as_array().unwrap();
    doors.iter().map(|door| door["opens"].clone()).collect()
}

/// What the running server's doors say.
async fn at_the_doors(rig: &Rig, token: &str) -> Vec<Value> {
    let mut verdicts = Vec::new();
    for path in DOORS {
        verdicts.push(Value::Bool(opens(rig, path, token).await));
    }
    verdicts
}

async fn opens(rig: &Rig, path: &str, token: &str) -> bool {
    if path == WEBHOOK && through_host() {
        // The door is the host's there, which challenges nobody: calls alone
        // are let in or not.
        let result = call(rig, "whoami", json!({}), &bearer(token)).await;
        return result["isError"] == false;
    }
    let request = rig.http.get(rig.url(path)).bearer_auth(token);
    let status = request.send().await.unwrap().status().as_u16();
    // A server that cannot say is no door that opens.
    assert!(status < 429, "{path}: {status}");
    !matches!(status, 401 | 403)
}

/// A token, the check that is at fault, and a piece of the fix.
type Case = (TokenRequest, &'static str, &'static str);

fn wrong_claims() -> Vec<Case> {
    let graph = TokenRequest {
        resource: Some("https://graph.microsoft.com".to_owned()),
        ..reader()
    };
    let id_token = TokenRequest {
        kind: TokenKind::Id,
        ..reader()
    };
    let expired = TokenRequest {
        expires_in: Some(-60),
        ..reader()
    };
    let another = reader().with("aud", "00000000-0000-4000-8000-000000000000");
    let guest = TokenRequest::for_persona("guest");
    let daemon = TokenRequest::for_persona("daemon");
    let unnamed = daemon.clone().without("idtyp");
    vec![
        (graph, "audience", "Microsoft Graph"),
        (another, "audience", "az account get-access-token"),
        (id_token, "kind", "id token"),
        (reader().with("scp", "other"), "kind", "admin-consent"),
        (daemon, "kind", "ENTRADA_ACCEPT_APP_TOKENS=true"),
        (unnamed, "kind", "optional-claims"),
        (expired, "lifetime", "Refresh"),
        (guest, "issuer", "ENTRADA_TENANTS="),
    ]
}

fn wrong_signatures() -> Vec<Case> {
    let signed = |signature| TokenRequest {
        signature,
        ..reader()
    };
    vec![
        (signed(SignatureKind::Corrupt), "signature", "get-access"),
        (signed(SignatureKind::None), "form", "get-access-token"),
        (signed(SignatureKind::UnknownKey), "signature", "rolled its"),
    ]
}

#[tokio::test]
async fn every_refused_token_is_explained_as_the_doors_refuse_it() {
    let rig = Rig::start().await;
    let cases = wrong_claims().into_iter().chain(wrong_signatures());
    let mut cases: Vec<_> = cases
        .map(|(request, check, fix)| (rig.mint(&request), check, fix))
        .collect();
    let cut_off = "eyJhbGciOiJSUzI1NiJ9.eyJ".to_owned();
    cases.push((cut_off, "form", "get-access-token"));
    for (token, check, fix) in cases {
        let run = explain(&rig, &token).await;
        let explanation = run.json();
        assert_eq!(run.code, 1, "{explanation}");
        let failed: Vec<_> = explanation["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|line| line["result"] == "failed")
            .map(|line| line["check"].as_str().unwrap())
            .collect();
        assert_eq!(failed, [check], "{explanation}");
        assert!(
            explanation["fixes"].to_string().contains(fix),
            "{explanation}"
        );
        assert_eq!(verdicts(&explanation), at_the_doors(&rig, &token).await);
    }
}

#[tokio::test]
async fn good_tokens_of_both_versions_and_of_our_own_open_the_doors_that_they_open() {
    let rig = Rig::start().await;
    let first = TokenRequest {
        version: TokenVersion::V1,
        ..reader()
    };
    let own = Person::new(&rig, "reader").tokens().await;
    let own = own["access_token"].as_str().unwrap().to_owned();
    for token in [rig.token("reader"), rig.mint(&first), own] {
        let run = explain(&rig, &token).await;
        let explanation = run.json();
        assert_eq!(run.code, 0, "{explanation}");
        assert_eq!(verdicts(&explanation), at_the_doors(&rig, &token).await);
    }
}

#[tokio::test]
async fn somebody_without_a_role_is_told_why_there_is_no_tool() {
    let rig = Rig::start().await;
    let run = explain(&rig, &rig.token("norole")).await;
    assert_eq!(run.code, 0);
    assert!(run.output.contains("no app role"), "{}", run.output);
    assert!(run.output.contains("appRoleAssignedTo"));
}

#[tokio::test]
async fn the_token_is_neither_printed_nor_sent() {
    let rig = Rig::start().await;
    let token = rig.token("reader");
    let before = asked(&rig).await.len();
    for arguments in [
        &["explain", "-"][..],
        &["explain", "--json"],
        &["explain", &token],
    ] {
        let run = entrada(rig.handler.environment(), arguments, &token).await;
        for part in token.split('.') {
            assert!(!run.output.contains(part) && !run.errors.contains(part));
        }
    }
    let asked = asked(&rig).await;
    assert!(asked.len() > before);
    for request in asked.into_iter().skip(before) {
        let path = request["path"].as_str().unwrap();
        assert!(
            path.ends_with("openid-configuration") || path.ends_with("/keys"),
            "{request}"
        );
        assert_keeps(&request, &token);
    }
}

/// What the stand-ins were asked.
async fn asked(rig: &Rig) -> Vec<Value> {
    let url = format!("{}stand-in/requests", rig.stand_ins.url());
    let answer = rig.http.get(url).send().await.unwrap();
    answer.json().await.unwrap()
}

/// A request as it was recorded holds nothing of the token.
fn assert_keeps(request: &Value, token: &str) {
    assert!(
        request["headers"].get("authorization").is_none(),
        "{request}"
    );
    // Where secrets are known to stand, the record has a hash of them.
    let text = request.to_string();
    assert!(!text.contains("sha256:"), "{request}");
    for part in token.split('.') {
        assert!(!text.contains(part), "{request}");
    }
}

#[tokio::test]
async fn the_token_is_not_sent_to_the_server_that_is_named_either() {
    let mut front = Front::bind().await;
    let rig = Rig::start().await;
    front.serve(rig.handler.url(""), rig.http.clone());
    let own = Person::new(&rig, "reader").tokens().await;
    let own = own["access_token"].as_str().unwrap().to_owned();
    for token in [rig.token("reader"), own] {
        control(&rig.stand_ins, "reset", json!({})).await;
        let arguments = ["explain", "--url", &front.url];
        let run = entrada(rig.handler.environment(), &arguments, &token).await;
        assert_eq!(run.code, 0, "{}{}", run.output, run.errors);
        for request in asked(&rig).await {
            assert_keeps(&request, &token);
        }
        let passed = front.passed();
        assert!(!passed.is_empty());
        for head in passed {
            assert!(!head.contains("authorization"), "{head}");
            assert!(token.split('.').all(|part| !head.contains(part)), "{head}");
        }
    }
}

#[tokio::test]
async fn without_entra_the_signature_stays_open_and_the_rest_is_still_said() {
    let rig = Rig::start().await;
    let mut environment = rig.handler.environment().to_vec();
    environment.retain(|(name, _)| name != "ENTRADA_AUTHORITY");
    // The stand-in's issuer, at an address where nothing listens.
    environment.push((
        "ENTRADA_AUTHORITY".to_owned(),
        "https://localhost:9".to_owned(),
    ));
    let good = entrada(&environment, &["explain", "--json"], &rig.token("reader")).await;
    assert!(
        good.output.contains("could not be checked"),
        "{}",
        good.output
    );
    let graph = reader().with("aud", "https://graph.microsoft.com");
    let wrong = entrada(&environment, &["explain", "--json"], &rig.mint(&graph)).await;
    assert!(wrong.output.contains("Microsoft Graph"), "{}", wrong.output);
}

#[tokio::test]
async fn a_server_says_itself_what_its_tokens_are_held_against() {
    let rig = Rig::start().await;
    let certificate = rig.certificate().display().to_string();
    let environment = [("SSL_CERT_FILE".to_owned(), certificate)];
    let arguments = ["explain", "--json", "--url", &rig.handler.base];
    let own = Person::new(&rig, "reader").tokens().await;
    for token in [
        rig.token("reader"),
        own["access_token"].as_str().unwrap().to_owned(),
    ] {
        let run = entrada(&environment, &arguments, &token).await;
        let explanation = run.json();
        assert_eq!(
            verdicts(&explanation),
            vec![Value::Bool(true); 3],
            "{explanation}"
        );
    }
}

/// Tokens name the server by its own base URL, whatever the name it is asked by.
#[tokio::test]
async fn a_server_that_is_asked_by_another_name_is_explained_by_its_own() {
    let rig = Rig::start().await;
    let certificate = rig.certificate().display().to_string();
    let environment = [("SSL_CERT_FILE".to_owned(), certificate)];
    let other = rig.handler.base.replace("localhost", "127.0.0.1");
    let own = Person::new(&rig, "reader").tokens().await;
    let own = own["access_token"].as_str().unwrap();
    let run = entrada(&environment, &["explain", "--json", "--url", &other], own).await;
    let explanation = run.json();
    assert_eq!(
        verdicts(&explanation),
        vec![Value::Bool(true); 3],
        "{explanation}"
    );
}

#[tokio::test]
async fn a_token_that_has_ended_is_refused_for_that_also_without_keys() {
    let rig = Rig::start().await;
    let now = SystemClock::new().unix();
    let terms = TokenTerms {
        tenant_id: entrada_stand_ins::directory::CONTOSO,
        object_id: uuid::Uuid::from_u128(7),
        name: None,
        email: None,
        roles: vec!["Task.Read".to_owned()],
        client_id: "client".to_owned(),
        grant_id: uuid::Uuid::from_u128(8),
        audience: Audience::only(Door::Mcp),
        scope: "mcp".to_owned(),
        kind: SubjectKind::User,
        signed_in_at: now - 700,
        expires_at: now - 100,
    };
    let token = rig.own_tokens().issue(terms).unwrap();
    let mut environment = rig.handler.environment().to_vec();
    environment.retain(|(name, _)| name != "ENTRADA_KEY_RING");
    let run = entrada(&environment, &["explain", "--json"], token.expose_secret()).await;
    let explanation = run.json();
    let doors = explanation["doors"].as_array().unwrap();
    let mcp = doors.iter().find(|door| door["door"] == "/mcp").unwrap();
    assert_eq!(mcp["opens"], false, "{explanation}");
    assert!(
        mcp["reason"].as_str().unwrap().contains("expired"),
        "{explanation}"
    );
    assert!(
        explanation["fixes"].to_string().contains("Refresh it"),
        "{explanation}"
    );
}

#[tokio::test]
async fn that_a_token_cannot_be_looked_at_is_another_exit_code_than_a_refusal() {
    let arguments = ["explain", "-", "--url", "http://localhost:9"];
    let run = entrada(&[], &arguments, "a.b.c").await;
    assert_eq!(run.code, 2, "{}", run.errors);
}

#[tokio::test]
async fn an_error_code_of_entras_is_put_into_words() {
    let run = entrada(&[], &["explain", "AADSTS65001: nobody has consented"], "").await;
    assert_eq!(run.code, 0);
    assert!(run.output.contains("consent"), "{}", run.output);
    let arguments = ["explain", "--json", "AADSTS53003"];
    let explanation = entrada(&[], &arguments, "").await.json();
    assert_eq!(explanation["code"], "AADSTS53003");
    let summary = explanation["summary"].as_str().unwrap();
    assert!(summary.contains("an administrator"), "{summary}");
    assert!(explanation["fixes"][0]["what"].as_str().unwrap().len() > 20);
}
