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
use crate::rig::{Rig, Watched, through_host, until};

/// How long a refusal waits for its entry.
const PATIENCE: Duration = Duration::from_secs(1);
/// In less time no lease can have failed, so that the limits are the shared
/// ones; hardly anything flows in either.
const LEASED: Duration = Duration::from_secs(2);

async fn status(rig: &Rig, path: &str, token: &str) -> u16 {
    let request = rig.http.get(rig.url(path)).bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

/// An answer, and how long it took.
async fn timed<T>(asking: impl Future<Output = T>) -> (T, Duration) {
    let clock = SystemClock::new();
    let asked = clock.monotonic();
    let answer = asking.await;
    (answer, clock.monotonic().saturating_sub(asked))
}

/// What is stored about a method when a refusal has been answered. The entry
/// is there before the answer, unless storage takes more than a second: only
/// when the answer took as long is the entry waited for.
async fn entered(storage: &Watched, method: &str, took: Duration) -> Vec<Value> {
    if took >= PATIENCE {
        return eventually(storage, method, 1).await;
    }
    stored(storage, method).await
}

/// The entries of a method once there are so many.
async fn eventually(storage: &Watched, method: &str, number: usize) -> Vec<Value> {
    let what = format!("{number} entries of {method}");
    until(&what, async || {
        stored(storage, method).await.len() >= number
    })
    .await;
    stored(storage, method).await
}

/// The sum of what entries count.
fn counted(entries: &[Value]) -> u64 {
    let counts = entries.iter().filter_map(|entry| entry["count"].as_u64());
    counts.sum()
}

#[tokio::test]
async fn a_known_caller_who_asks_too_often_is_entered_at_once_and_then_counted() {
    if through_host() {
        return;
    }
    let (rig, storage) = stallable(&[("ENTRADA_LIMIT_USER", "2")]).await;
    let reader = rig.token("reader");
    let clock = SystemClock::new();
    let began = clock.monotonic();
    let mut through = 0;
    let entry = loop {
        let (status, took) = timed(status(&rig, "/mcp/tools", &reader)).await;
        if status == 429 {
            let found = entered(&storage, "/mcp", took).await;
            assert_eq!(found.len(), 1, "{found:?}");
            break found[0].clone();
        }
        assert_eq!(status, 200);
        through += 1;
        assert!(through < 20, "nothing is refused");
    };
    assert_eq!(entry["reason"], "rate_limited");
    assert_eq!(entry["decision"], "refused");
    assert_eq!(entry["tenant"], CONTOSO.to_string());
    assert!(entry["user"].is_string());
    let mut more = 0;
    while more < 8 {
        match status(&rig, "/mcp/tools", &reader).await {
            429 => more += 1,
            status => {
                assert_eq!(status, 200);
                through += 1;
                assert!(through < 20, "hardly anything is refused");
            }
        }
    }
    // Four at once, and up to two while the first lease is fetched.
    let took = clock.monotonic().saturating_sub(began);
    assert!(
        took >= LEASED || (4..=6).contains(&through),
        "{through} in {took:?}"
    );
    // Every few seconds there may be a line for those since the last.
    until("those after the first are counted", async || {
        counted(&stored(&storage, "/mcp").await) >= more
    })
    .await;
    let found = stored(&storage, "/mcp").await;
    assert_eq!(counted(&found), more, "{found:?}");
    let single = found.iter().filter(|entry| entry.get("count").is_none());
    assert_eq!(single.collect::<Vec<_>>(), [&entry]);
    // What was let through: who saw the tools.
    let lists = eventually(&storage, "tools/list", through).await;
    assert_eq!(lists.len(), through, "{lists:?}");
    assert!(lists.iter().all(|list| list["decision"] == "allowed"
        && list["user"] == entry["user"]
        && list["correlation_id"].is_string()));
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
    let scopeless = token(Audience::only(Door::Mcp), "api");
    for (door, path, token, answer, reason) in [
        ("/api", "/api/auth/me", &other_door, 401, "audience"),
        ("/mcp", "/mcp/tools", &scopeless, 403, "scope"),
    ] {
        let (status, took) = timed(status(&rig, path, token)).await;
        assert_eq!(status, answer, "{door}");
        let found = entered(&storage, door, took).await;
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
    let (answer, took) = timed(rig.post("/api/sessions", &reader, &body)).await;
    assert_eq!(answer.0, 404);
    let found = entered(&storage, "agents.read", took).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["agent"], "hidden");
    assert_eq!(found[0]["reason"], "hidden_or_unknown_agent");
    let daemon = rig.token("daemon");
    let (status, took) = timed(status(&rig, "/api/agents", &daemon)).await;
    assert_eq!(status, 403);
    let found = entered(&storage, "/api", took).await;
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
    let clock = SystemClock::new();
    let began = clock.monotonic();
    let (mut tokens, mut logins, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    let answered =
        async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    for number in 0..6 {
        tokens.push(status(&rig, "/mcp/tools", &format!("made.up.{number}")).await);
        logins.push(answered(rig.http.get(rig.url("/auth/login"))).await);
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "get_authentication_info", "arguments": {}}});
        let request = rig.http.post(rig.url("/mcp")).json(&call);
        let request = request.header("accept", "application/json, text/event-stream");
        calls.push(answered(request).await);
    }
    let took = clock.monotonic().saturating_sub(began);
    let number = |answers: &[u16], status: u16| {
        let such = answers.iter().filter(|answer| **answer == status);
        u64::try_from(such.count()).unwrap()
    };
    // What was answered is what is counted.
    for (method, reason, expected) in [
        ("/mcp", "TOKEN_INVALID", number(&tokens, 401)),
        ("/mcp", "rate_limited", number(&tokens, 429)),
        ("sign_in", "rate_limited", number(&logins, 429)),
        ("tools/call", "rate_limited", number(&calls, 429)),
    ] {
        let lines = async || {
            let mut lines = stored(&storage, method).await;
            lines.retain(|entry| entry["reason"] == reason);
            lines
        };
        until(
            &format!("{expected} counts of {method} {reason}"),
            async || counted(&lines().await) >= expected,
        )
        .await;
        let lines = lines().await;
        assert_eq!(counted(&lines), expected, "{lines:?}");
        assert!(lines.iter().all(|line| line.get("tenant").is_none()));
    }
    // Two of each at once; something may have flowed in since.
    for (answers, good) in [(&tokens, 401), (&logins, 302), (&calls, 200)] {
        let through = number(answers, good);
        assert_eq!(through + number(answers, 429), 6, "{answers:?}");
        assert!(
            took >= LEASED || (2..=3).contains(&through),
            "{answers:?} in {took:?}"
        );
    }
}
