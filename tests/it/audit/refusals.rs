//! Who was refused: known callers by name, unknown ones by number.

use std::time::Duration;

use entrada::identity::{Audience, Door, TokenTerms};
use entrada_ambient::{Clock as _, SystemClock};
use entrada_entra::SubjectKind;
use entrada_stand_ins::directory::CONTOSO;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::support::{stallable, stored};
use crate::rig::{Rig, Watched, through_host};

async fn status(rig: &Rig, path: &str, token: &str) -> u16 {
    let request = rig.http.get(rig.url(path)).bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

/// The entries of a method once there are so many, or after ten seconds.
async fn eventually(storage: &Watched, method: &str, number: usize) -> Vec<Value> {
    for _ in 0..100 {
        let found = stored(storage, method).await;
        if found.len() >= number {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stored(storage, method).await
}

#[tokio::test]
async fn a_known_caller_who_asks_too_often_is_entered_at_once_and_then_counted() {
    if through_host() {
        return;
    }
    let (rig, storage) = stallable(&[("ENTRADA_LIMIT_USER", "2")]).await;
    let reader = rig.token("reader");
    let mut answers = Vec::new();
    for _ in 0..14 {
        answers.push(status(&rig, "/mcp/tools", &reader).await);
        if answers.last() == Some(&429) {
            // Durable before the answer.
            let found = stored(&storage, "/mcp").await;
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0]["reason"], "rate_limited");
            assert_eq!(found[0]["decision"], "refused");
            assert_eq!(found[0]["tenant"], CONTOSO.to_string());
            assert!(found[0]["user"].is_string());
        }
    }
    // Four at once, and up to two while the first lease is fetched.
    let through = answers.iter().filter(|status| **status == 200).count();
    assert!((4..=6).contains(&through), "{answers:?}");
    let found = eventually(&storage, "/mcp", 2).await;
    assert_eq!(found.len(), 2, "{found:?}");
    let counted: u64 = found
        .iter()
        .filter_map(|entry| entry["count"].as_u64())
        .sum();
    assert_eq!(usize::try_from(counted).unwrap(), 14 - through - 1);
    // What was let through: who saw the tools.
    let lists = eventually(&storage, "tools/list", through).await;
    assert_eq!(lists.len(), through, "{lists:?}");
    assert!(lists.iter().all(|entry| entry["decision"] == "allowed"
        && entry["user"] == found[0]["user"]
        && entry["correlation_id"].is_string()));
}

#[tokio::test]
async fn a_token_at_the_wrong_door_or_without_its_scope_is_entered_under_its_owner() {
    if through_host() {
        return;
    }
    let (rig, storage) = stallable(&[]).await;
    let own = rig.own_tokens();
    let token = |audience, scope: &str| {
        let terms = TokenTerms {
            tenant_id: CONTOSO,
            object_id: Uuid::from_u128(0xa1),
            name: None,
            email: None,
            roles: vec!["Task.Read".to_owned()],
            client_id: "some-client".to_owned(),
            grant_id: Uuid::from_u128(0xb1),
            kind: SubjectKind::User,
            audience,
            scope: scope.to_owned(),
            signed_in_at: SystemClock::new().unix(),
            expires_at: SystemClock::new().unix() + 600,
        };
        own.issue(terms).unwrap().expose_secret().to_owned()
    };
    let other_door = token(Audience::only(Door::Mcp), "mcp");
    assert_eq!(status(&rig, "/api/auth/me", &other_door).await, 401);
    let scopeless = token(Audience::only(Door::Mcp), "api");
    assert_eq!(status(&rig, "/mcp/tools", &scopeless).await, 403);
    for (door, reason) in [("/api", "audience"), ("/mcp", "scope")] {
        let found = stored(&storage, door).await;
        assert_eq!(found.len(), 1, "{door}: {found:?}");
        assert_eq!(found[0]["reason"], reason);
        assert_eq!(found[0]["user"], Uuid::from_u128(0xa1).to_string());
        assert_eq!(found[0]["client"], "some-client");
        assert_eq!(found[0]["grant"], Uuid::from_u128(0xb1).to_string());
        assert_eq!(found[0]["outcome"], "refused");
    }
}

#[tokio::test]
async fn a_hidden_agent_and_a_caller_whom_chat_does_not_serve_are_entered() {
    if through_host() {
        return;
    }
    let (rig, storage) = stallable(&[("ENTRADA_ACCEPT_APP_TOKENS", "true")]).await;
    let reader = rig.token("reader");
    let body = json!({"agent_id": "hidden"});
    assert_eq!(rig.post("/api/sessions", &reader, &body).await.0, 404);
    let found = stored(&storage, "agents.read").await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["agent"], "hidden");
    assert_eq!(found[0]["reason"], "hidden_or_unknown_agent");
    assert_eq!(status(&rig, "/api/agents", &rig.token("daemon")).await, 403);
    let found = stored(&storage, "/api").await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["reason"], "USER_REQUIRED");
}

#[tokio::test]
async fn unknown_callers_are_counted_by_what_they_were_refused_for() {
    if through_host() {
        return;
    }
    let (rig, storage) = stallable(&[
        ("ENTRADA_LIMIT_REFUSED_TOKEN", "1"),
        ("ENTRADA_LIMIT_SIGN_IN", "1"),
        ("ENTRADA_LIMIT_PUBLIC_TOOL", "1"),
        ("ENTRADA_LIMIT_REGISTRATION", "1"),
    ])
    .await;
    for number in 0..6 {
        status(&rig, "/mcp/tools", &format!("made.up.{number}")).await;
        rig.http.get(rig.url("/auth/login")).send().await.unwrap();
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "get_authentication_info", "arguments": {}}});
        let request = rig.http.post(rig.url("/mcp")).json(&call);
        let request = request.header("accept", "application/json, text/event-stream");
        request.send().await.unwrap();
    }
    let count = async |method: &str, reason: &str| {
        let found = stored(&storage, method).await;
        found
            .iter()
            .filter(|entry| entry["reason"] == reason)
            .inspect(|entry| assert!(entry.get("tenant").is_none(), "{entry}"))
            .filter_map(|entry| entry["count"].as_u64())
            .sum::<u64>()
    };
    for _ in 0..100 {
        if count("sign_in", "rate_limited").await >= 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Two of each at once; something may have flowed in since.
    let invalid = count("/mcp", "TOKEN_INVALID").await;
    assert_eq!(invalid + count("/mcp", "rate_limited").await, 6);
    assert!((2..=3).contains(&invalid), "{invalid}");
    assert!((3..=4).contains(&count("sign_in", "rate_limited").await));
    assert!((3..=4).contains(&count("tools/call", "rate_limited").await));
}
