//! Who is cut off on one server is cut off on the other within ten seconds.

use std::time::Duration;

use entrada_ambient::{Clock as _, SystemClock};
use entrada_stand_ins::TokenRequest;
use entrada_stand_ins::directory::{CONTOSO, persona};
use serde_json::{Value, json};

use super::Two;
use crate::oauth::application::{Application, LOOPBACK};
use crate::rig::{Person, until};
use crate::tools::{call, complaint};

const FABRIKAM: (&str, &str) = ("ENTRADA_TENANTS", "fab21ca0-0000-4000-8000-000000000002");

/// Waits until the second server refuses a token, which the first does at
/// once.
pub(super) async fn is_refused_within_ten_seconds(two: &Two, token: &str) {
    assert_eq!(two.get(&two.rig.handler, "/mcp/tools", token).await, 401);
    is_answered_within_ten_seconds(two, token, 401).await;
}

/// Waits until the second server has learnt how a token is answered.
async fn is_answered_within_ten_seconds(two: &Two, token: &str, status: u16) {
    let (clock, tables) = (SystemClock::new(), two.rig.tables());
    let began = clock.monotonic();
    let (mut turned, mut slowest) = (began, Duration::ZERO);
    until("the second server has learnt of it", async || {
        let answer = two.get(&two.second, "/mcp/tools", token).await;
        // Only how long storage takes is of interest.
        let _ = tables.ping().await;
        let now = clock.monotonic();
        slowest = slowest.max(now.saturating_sub(turned));
        turned = now;
        answer == status
    })
    .await;
    // It may have begun to read the list just before and reads it once more
    // five seconds later: two times at storage, which take as long as ours do.
    let waited = clock.monotonic().saturating_sub(began);
    let most = Duration::from_secs(10) + 2 * slowest;
    assert!(waited < most, "{waited:?}, more than {most:?}");
}

/// Tokens of a client for a persona, which both servers take.
async fn tokens(two: &Two, client: &Application<'_>, persona: &'static str) -> Value {
    let mut person = Person::new(&two.rig, persona);
    let tokens = client.tokens(&mut person, &[]).await;
    for turn in 0..2 {
        let server = two.server(turn);
        assert_eq!(two.get(server, "/mcp/tools", access(&tokens)).await, 200);
    }
    tokens
}

/// Signs a persona in again that was cut off before: what was signed in at in
/// the second of that is refused, and the second server need not know yet that
/// the first lets in again.
async fn may_sign_in_again(two: &Two, client: &Application<'_>, persona: &'static str) {
    let clock = SystemClock::new();
    let second = clock.unix();
    until("the next second", async || clock.unix() > second).await;
    let mut person = Person::new(&two.rig, persona);
    let tokens = client.tokens(&mut person, &[]).await;
    let here = two.get(&two.rig.handler, "/mcp/tools", access(&tokens));
    assert_eq!(here.await, 200);
    is_answered_within_ten_seconds(two, access(&tokens), 200).await;
}

fn access(tokens: &Value) -> &str {
    tokens["access_token"].as_str().unwrap()
}

/// Calls `admin_revoke_grants` on the first server.
async fn revoke(two: &Two, arguments: Value) -> Value {
    let admin = two.rig.token("admin");
    let report = call(&two.rig, &admin, "admin_revoke_grants", arguments).await;
    assert_eq!(report["effective_within_seconds"], 10, "{report}");
    assert_eq!(report["effective_at_worst_after_seconds"], 60, "{report}");
    report
}

#[tokio::test]
async fn a_logout_on_one_server_is_known_on_the_other() {
    let two = Two::start().await;
    let tokens = Person::new(&two.rig, "reader").tokens().await;
    let (http, url) = (&two.rig.http, two.rig.url("/auth/logout"));
    let logout = http.post(url).bearer_auth(access(&tokens));
    assert_eq!(logout.send().await.unwrap().status().as_u16(), 204);
    is_refused_within_ten_seconds(&two, access(&tokens)).await;
}

#[tokio::test]
async fn a_person_is_cut_off_with_every_client_and_token_and_may_sign_in_again() {
    let two = Two::start().await;
    let here = Application::register(&two.rig, LOOPBACK).await;
    let other = Application::register(&two.rig, LOOPBACK).await;
    let there = here.balanced_to(&two.second);
    let one = tokens(&two, &here, "reader").await;
    let another = tokens(&two, &other, "reader").await;
    let colleague = tokens(&two, &here, "writer").await;
    let entra = two.rig.token("reader");
    let reader = persona("reader").unwrap().object_id;
    let report = revoke(&two, json!({"user": reader})).await;
    assert_eq!(report["revoked"], "user");
    assert_eq!(report["grants_ended"], 2);
    // Refreshing on the server that may not know yet saves nobody.
    let (status, answer) = there.refresh(&one["refresh_token"]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    for token in [access(&one), access(&another), &entra] {
        is_refused_within_ten_seconds(&two, token).await;
    }
    let untouched = two.get(&two.second, "/mcp/tools", access(&colleague));
    assert_eq!(untouched.await, 200);
    may_sign_in_again(&two, &here, "reader").await;
}

#[tokio::test]
async fn a_client_is_cut_off_for_everybody_also_when_it_refreshes_meanwhile() {
    let two = Two::start().await;
    let here = Application::register(&two.rig, LOOPBACK).await;
    let there = here.balanced_to(&two.second);
    let other = Application::register(&two.rig, LOOPBACK).await;
    let reader = tokens(&two, &here, "reader").await;
    let writer = tokens(&two, &here, "writer").await;
    let elsewhere = tokens(&two, &other, "reader").await;
    let report = revoke(&two, json!({"client": here.id, "block": true})).await;
    assert_eq!(report["grants_ended"], Value::Null);
    // The other server may not know yet and give new tokens: they are worth
    // no more than the old ones.
    let (_, meanwhile) = there.refresh(&writer["refresh_token"]).await;
    if let Some(token) = meanwhile["access_token"].as_str() {
        is_refused_within_ten_seconds(&two, token).await;
    }
    for tokens in [&reader, &writer] {
        is_refused_within_ten_seconds(&two, access(tokens)).await;
    }
    for client in [&here, &there] {
        let (status, answer) = client.refresh(&reader["refresh_token"]).await;
        assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    }
    let untouched = two.get(&two.second, "/mcp/tools", access(&elsewhere));
    assert_eq!(untouched.await, 200);
    // Blocked, it gets nothing by signing people in again, until it is let
    // in.
    let mut person = Person::new(&two.rig, "reader");
    let code = here.code(&mut person, &[]).await;
    assert_eq!(here.redeem(&code).await.0, 400);
    revoke(&two, json!({"client": here.id})).await;
    may_sign_in_again(&two, &here, "reader").await;
}

#[tokio::test]
async fn a_tenant_is_cut_off_by_home_administrators_alone() {
    let two = Two::with(&[FABRIKAM]).await;
    let client = Application::register(&two.rig, LOOPBACK).await;
    let guest = tokens(&two, &client, "guest").await;
    let entra = two.rig.token("guest");
    let own = tokens(&two, &client, "reader").await;
    let fabrikam = json!({"tenant": FABRIKAM.1});
    // Whoever hands out roles there hands out none that count here.
    let request = TokenRequest::for_persona("guest");
    let mighty = two
        .rig
        .mint(&request.with("roles", json!(["MCPServer.Admin"])));
    for token in [&mighty, &two.rig.token("all")] {
        let asked = crate::tools::request(&two.rig, "admin_revoke_grants", &fabrikam);
        let (_, answer) = two.rig.ask(asked.bearer_auth(token)).await;
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
    }
    revoke(&two, fabrikam).await;
    for token in [access(&guest), &entra] {
        is_refused_within_ten_seconds(&two, token).await;
    }
    let (status, _) = client.refresh(&guest["refresh_token"]).await;
    assert_eq!(status, 400);
    assert_eq!(two.get(&two.second, "/mcp/tools", access(&own)).await, 200);
}

#[tokio::test]
async fn an_administrator_names_one_thing_locks_nobody_in_and_is_entered() {
    let two = Two::start().await;
    let admin = two.rig.token("admin");
    let administrator = persona("admin").unwrap().object_id;
    let reader = persona("reader").unwrap().object_id;
    for arguments in [
        json!({}),
        json!({"user": reader, "client": "x"}),
        json!({"client": "x", "tenant": CONTOSO}),
        json!({"user": "reader"}),
        json!({"tenant": CONTOSO, "block": true}),
        json!({"user": administrator, "block": true}),
    ] {
        complaint(&two.rig, &admin, "admin_revoke_grants", arguments).await;
    }
    assert_eq!(two.get(&two.rig.handler, "/mcp/tools", &admin).await, 200);
    revoke(&two, json!({"user": reader})).await;
    let filter = json!({"tool": "admin_revoke_grants", "outcome": "succeeded"});
    let log = call(&two.rig, &admin, "admin_audit_query", filter).await;
    let entries = log["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{log}");
    assert_eq!(entries[0]["user"], json!(administrator));
    assert_eq!(entries[0]["arguments"]["user"], json!(reader));
}
