//! What is counted, and what the one too many is told.

use entrada_ambient::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::{assert_limited, get, mcp, public_call, undisturbed};
use crate::rig::{Rig, by_address};

#[tokio::test]
async fn whoever_calls_too_often_is_told_when_to_come_back_at_every_door() {
    undisturbed(&[("ENTRADA_LIMIT_USER", "3")], one_calls_too_often).await;
}

async fn one_calls_too_often(rig: &Rig) {
    let token = rig.token("reader");
    let ping = json!({"jsonrpc": "2.0", "id": 1, "method": "ping"});
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    // Six at once, and two on credit: all kinds of requests count.
    let mut through = 0;
    for message in [&ping, &initialized].into_iter().cycle().take(10) {
        through += usize::from(mcp(rig, Some(&token), message).await.status() != 429);
    }
    assert!((6..=8).contains(&through), "{through}");

    let refused = mcp(rig, Some(&token), &ping).await;
    let seconds = assert_limited(&refused);
    assert!(seconds <= 60, "{seconds}: a call flows in every 20 s");
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["code"], "RATE_LIMITED");
    assert!(body["detail"].as_str().unwrap().contains("Try again in"));
    assert!(body["correlation_id"].is_string() && body["timestamp"].is_string());
    for path in ["/mcp/tools", "/api/auth/me", "/api/agents"] {
        assert_limited(&get(rig, &rig.handler, path, &token).await);
    }
    let webhook = rig.http.post(rig.url("/runtime/webhooks/mcp")).json(&ping);
    let webhook = webhook.bearer_auth(&token).send().await.unwrap();
    if !crate::rig::through_host() {
        // There it is the host's own.
        assert_limited(&webhook);
    }
    // Others, and what is open to everybody, are not touched by it.
    let writer = rig.token("writer");
    assert_eq!(
        get(rig, &rig.handler, "/api/auth/me", &writer)
            .await
            .status(),
        200
    );
    assert_eq!(
        rig.http.get(rig.url("/")).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn one_tenant_together_is_limited_and_administrators_have_a_limit_of_their_own() {
    let settings = [
        ("ENTRADA_LIMIT_TENANT", "5"),
        ("ENTRADA_LIMIT_ADMIN", "1"),
        ("ENTRADA_LIMIT_USER", "1000"),
        ("ENTRADA_TENANTS", "organizations"),
    ];
    undisturbed(&settings, administrators_and_others_of_a_tenant_call).await;
}

async fn administrators_and_others_of_a_tenant_call(rig: &Rig) {
    let admin = rig.token("admin");
    let mut through = 0;
    for _ in 0..8 {
        through += usize::from(get(rig, &rig.handler, "/mcp/tools", &admin).await.status() == 200);
    }
    assert!((2..=4).contains(&through), "{through}");
    let mut last = 0;
    for persona in ["reader", "writer", "deleter", "all"]
        .into_iter()
        .cycle()
        .take(16)
    {
        let answer = get(rig, &rig.handler, "/mcp/tools", &rig.token(persona)).await;
        last = answer.status().as_u16();
    }
    assert_eq!(last, 429);
    let guest = get(rig, &rig.handler, "/mcp/tools", &rig.token("guest")).await;
    assert_eq!(guest.status(), 200);
}

#[tokio::test]
async fn sign_in_routes_are_limited_by_address_each_in_its_own_form() {
    let settings = [by_address(), ("ENTRADA_LIMIT_SIGN_IN", "1")];
    undisturbed(&settings, one_address_asks_every_sign_in_route).await;
}

async fn one_address_asks_every_sign_in_route(rig: &Rig) {
    let ask = async |request: reqwest::RequestBuilder| request.send().await.unwrap();
    for _ in 0..2 {
        let login = ask(rig.http.get(rig.url("/auth/login"))).await;
        assert_eq!(login.status(), 302);
    }
    let login = ask(rig.http.get(rig.url("/auth/login"))).await;
    assert_limited(&login);
    let body: Value = login.json().await.unwrap();
    assert_eq!(body["code"], "RATE_LIMITED");
    for path in ["/token", "/register", "/revoke"] {
        let refused = ask(rig
            .http
            .post(rig.url(path))
            .header("origin", "https://any.example"))
        .await;
        assert_limited(&refused);
        assert_eq!(refused.headers()["access-control-allow-origin"], "*");
        assert_eq!(refused.headers()["cache-control"], "no-store");
        let body: Value = refused.json().await.unwrap();
        assert_eq!(body["error"], "temporarily_unavailable", "{path}");
        assert!(body["error_description"].is_string());
    }
    for path in [
        "/authorize",
        "/consent",
        "/auth/callback",
        "/auth/step-up/x",
    ] {
        let refused = ask(rig.http.get(rig.url(path))).await;
        assert_limited(&refused);
        assert!(
            refused
                .text()
                .await
                .unwrap()
                .contains("<h1>Too many requests</h1>"),
            "{path}"
        );
    }
    for path in ["/auth/exchange", "/auth/refresh", "/auth/logout"] {
        assert_limited(&ask(rig.http.post(rig.url(path)).json(&json!({}))).await);
    }
    // Without a token, and with one whose time is over.
    assert_limited(&ask(rig.http.get(rig.url("/api/auth/me"))).await);
    let expired = rig.mint(&entrada_stand_ins::TokenRequest {
        expires_in: Some(-600),
        ..entrada_stand_ins::TokenRequest::for_persona("reader")
    });
    assert_limited(&get(rig, &rig.handler, "/mcp/tools", &expired).await);
    // Who is signed in goes on, and so does who only looks.
    let token = rig.token("reader");
    assert_eq!(
        get(rig, &rig.handler, "/mcp/tools", &token).await.status(),
        200
    );
}

#[tokio::test]
async fn what_everybody_may_read_is_never_limited() {
    let rig = Rig::with(&[
        ("ENTRADA_REQUESTS_PER_MINUTE", "1"),
        ("ENTRADA_LIMIT_GLOBAL", "1"),
    ])
    .await;
    for path in [
        "/",
        "/health",
        "/api/health",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
    ] {
        for _ in 0..20 {
            let answer = rig.http.get(rig.url(path)).send().await.unwrap();
            if path.ends_with("/health") {
                // What it says is not about limits.
                assert_ne!(answer.status(), 429, "{path}");
            } else {
                assert_eq!(answer.status(), 200, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn calls_of_the_public_tool_without_a_token_are_limited_by_address() {
    let settings = [by_address(), ("ENTRADA_LIMIT_PUBLIC_TOOL", "2")];
    undisturbed(&settings, the_public_tool_is_called_without_a_token).await;
}

async fn the_public_tool_is_called_without_a_token(rig: &Rig) {
    for _ in 0..4 {
        assert_eq!(mcp(rig, None, &public_call()).await.status(), 200);
    }
    assert_limited(&mcp(rig, None, &public_call()).await);
    let token = rig.token("reader");
    assert_eq!(mcp(rig, Some(&token), &public_call()).await.status(), 200);
}

#[tokio::test]
async fn a_flood_of_made_up_tokens_meets_429_and_a_good_token_comes_through() {
    let settings = [by_address(), ("ENTRADA_REQUESTS_PER_MINUTE", "100")];
    undisturbed(&settings, tokens_are_made_up).await;
}

async fn tokens_are_made_up(rig: &Rig) {
    let clock = SystemClock::new();
    let began = clock.monotonic();
    let mut answers = [0, 0];
    for number in 0..400 {
        let token = format!("made.up.{number}");
        let path = ["/mcp/tools", "/api/auth/me"][number % 2];
        match get(rig, &rig.handler, path, &token).await.status().as_u16() {
            401 => answers[0] += 1,
            429 => answers[1] += 1,
            other => panic!("{other}"),
        }
    }
    // 20 a minute by address: 40 at once, and what flowed in meanwhile.
    let seconds = clock.monotonic().saturating_sub(began).as_secs();
    let most = 40 + seconds / 3 + 1;
    assert!((40..=most).contains(&answers[0]), "{answers:?} of {most}");
    let logout = async || {
        let logout = rig.http.post(rig.url("/auth/logout"));
        logout.bearer_auth("made.up").send().await.unwrap()
    };
    let mut answer = logout().await;
    if answer.status() != 429 {
        // A call has just flowed in; the next one does so three seconds later.
        answer = logout().await;
    }
    assert_limited(&answer);
    let good = get(rig, &rig.handler, "/mcp/tools", &rig.token("reader")).await;
    assert_eq!(good.status(), 200);
}

#[tokio::test]
async fn health_says_how_limits_are() {
    let off = Rig::start().await;
    let (_, health) = off.ask(off.http.get(off.url("/api/health"))).await;
    assert_eq!(health["limits"], "off");
    let on = Rig::with(&[
        ("ENTRADA_REQUESTS_PER_MINUTE", "100"),
        ("ENTRADA_CLIENT_IP_HEADER", "client-ip"),
    ])
    .await;
    let health = async || on.ask(on.http.get(on.url("/api/health"))).await.1;
    let before = health().await;
    assert_eq!(before["limits"], "operational");
    assert_eq!(before["client_addresses"], "unseen");
    let login = on.http.get(on.url("/auth/login"));
    let login = login
        .header("client-ip", "203.0.113.9:4711")
        .send()
        .await
        .unwrap();
    assert_eq!(login.status(), 302);
    assert_eq!(health().await["client_addresses"], "known");
    on.http.get(on.url("/auth/login")).send().await.unwrap();
    assert_eq!(health().await["client_addresses"], "missing");
}

#[tokio::test]
async fn under_a_host_one_caller_leaves_room_for_others_unless_addresses_are_known() {
    for (settings, expected) in [
        (
            &[
                ("ENTRADA_LIMIT_SIGN_IN", "1"),
                ("ENTRADA_LIMIT_GLOBAL", "100"),
            ][..],
            302,
        ),
        (&[("ENTRADA_LIMIT_SIGN_IN", "1"), by_address()], 429),
    ] {
        undisturbed(settings, async |rig| {
            let mut last = 0;
            for _ in 0..4 {
                let login = rig.http.get(rig.url("/auth/login")).send().await.unwrap();
                last = login.status().as_u16();
            }
            assert_eq!(last, expected, "{settings:?}");
        })
        .await;
    }
}
